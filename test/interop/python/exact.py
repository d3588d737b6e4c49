"""Arrow types and values as text, the same as test/support/exact.ts makes of them in Node."""

import pyarrow as pa


def exact_batch(batch):
    return {
        'columns': [[field.name, str(field.type), field.nullable] for field in batch.schema],
        'rows': batch.num_rows,
        'values': [exact_values(column) for column in batch.columns],
    }


def exact_values(array):
    kind = array.type
    if pa.types.is_null(kind):
        return [None] * len(array)
    valid = array.is_valid().to_pylist()
    return [value if known else None for value, known in zip(values_of(array, kind), valid)]


def values_of(array, kind):
    """The values, with anything in the place of nulls."""
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array.to_pylist()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else value.hex() for value in array.to_pylist()]
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        items = exact_values(array.values.slice(array.offset * size, len(array) * size))
        return [items[row * size : (row + 1) * size] for row in range(len(array))]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = exact_values(array.values)
        return [items[begin:end] for begin, end in bounds(array)]
    if pa.types.is_map(kind):
        items = [list(entry) for entry in zip(exact_values(array.keys), exact_values(array.items))]
        return [items[begin:end] for begin, end in bounds(array)]
    if pa.types.is_struct(kind):
        children = [exact_values(array.field(index)) for index in range(kind.num_fields)]
        # field() knows the offset of the struct, and not its nulls.
        return [[child[row] for child in children] for row in range(len(array))]
    if pa.types.is_dictionary(kind):
        words = exact_values(array.dictionary)
        return [None if index is None else words[index] for index in array.indices.to_pylist()]
    width = kind.bit_width // 8
    data = array.buffers()[1]
    stored = b'' if data is None else data.to_pybytes()
    return [stored[at : at + width].hex() for at in range(array.offset * width, (array.offset + len(array)) * width, width)]


def bounds(array):
    offsets = array.offsets.to_pylist()
    return zip(offsets[:-1], offsets[1:])
