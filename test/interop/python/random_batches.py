"""Random batches, made by Python or passed on by it."""

import random

import numpy as np
import pyarrow as pa
from exact import exact_batch, exact_values
from streams import reader_of, writer_of
from vineyard import ObjectID

UNITS = ('s', 'ms', 'us', 'ns')
ZONES = (None, 'UTC', 'Europe/Paris', '+05:30')
LETTERS = ('a', 'b', 'é', '漢', '🗼', '\0', ' ', '\n', '\ufeff')
NAMES = ('a', 'a', 'b', 'ü', '漢字', '', ' ', 'x/y~z.w', '__proto__', '🗼')

# Types of fixed width, by the number type of the same width.
FIXED = (
    [(pa.from_numpy_dtype(kind), kind) for kind in ('i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f4', 'f8')]
    + [(pa.float16(), 'u2'), (pa.date32(), 'i4'), (pa.time32('s'), 'i4'), (pa.time32('ms'), 'i4')]
    + [(pa.time64('us'), 'i8'), (pa.time64('ns'), 'i8'), (pa.date64(), 'i8')]
    + [(pa.timestamp(unit, zone), 'i8') for unit in UNITS for zone in ZONES]
    + [(pa.duration(unit), 'i8') for unit in UNITS]
)


def loaded(_client):
    """Answers when everything has been imported."""


def read(client, stream):
    return [exact_batch(batch) for batch in batches_of(client, stream)]


def echo(client, source, target):
    """Puts every batch of one stream into another. A chunk is put before the next pull, which deletes it."""
    writer = writer_of(client, target)
    seen = []
    for batch in batches_of(client, source):
        seen.append(exact_batch(batch))
        if hasattr(writer, 'write'):
            writer.write(batch)
        else:
            writer.append(client.put(batch))
    writer.finish()
    return seen


def batches_of(client, stream):
    reader = reader_of(client, stream)
    while True:
        try:
            batch = reader.next()
        except StopIteration:
            return
        yield batch


def produce(client, stream, seed, count):
    """Writes batches of one schema and says what they hold. A DataframeStream takes every type."""
    writer = writer_of(client, stream)
    chance = random.Random(seed)
    every_type = hasattr(writer, 'write')
    schema = pa.schema([random_field(chance, every_type) for _ in range(chance.randrange(6))])
    written = []
    for _ in range(count):
        batch = random_batch(chance, schema)
        written.append(exact_batch(batch))
        if every_type:
            writer.write(batch)
        else:
            writer.append(client.put(batch))
    writer.finish()
    return written


def random_batch(chance, schema):
    before, rows, after = chance.choice((0, chance.randrange(20))), chance.choice((0, chance.randrange(40))), chance.randrange(9)
    columns = [random_array(chance, field.type, before + rows + after, field.nullable) for field in schema]
    if not columns:
        return pa.record_batch([], schema=schema)
    return pa.record_batch(columns, schema=schema).slice(before, rows)


def random_field(chance, every_type, depth=2, name=None):
    kind = random_type(chance, every_type, depth)
    nullable = pa.types.is_null(kind) or chance.randrange(4) > 0
    return pa.field(chance.choice(NAMES) if name is None else name, kind, nullable)


def random_type(chance, every_type, depth):
    leaves = ('null', 'bool', 'fixed', 'fixed', 'fixed', 'string', 'large_string', 'large_binary')
    # What upstream's builder of batches writes as arrays; it pickles the others, or fails.
    further = ('binary', 'fixed_size_binary', 'decimal')
    nested = ('list',)
    further_nested = ('large_list', 'fixed_size_list', 'struct', 'map', 'dictionary')
    kinds = leaves + (further if every_type else ())
    if depth > 0:
        kinds += nested + (further_nested if every_type else ())
    kind = chance.choice(kinds)

    def item(name='item'):
        return random_field(chance, every_type, depth - 1, name)

    if kind == 'null':
        return pa.null()
    if kind == 'bool':
        return pa.bool_()
    if kind == 'fixed':
        return chance.choice(FIXED)[0]
    if kind in ('string', 'large_string', 'binary', 'large_binary'):
        return getattr(pa, kind)()
    if kind == 'fixed_size_binary':
        return pa.binary(chance.randrange(1, 20))
    if kind == 'decimal':
        precision = chance.randrange(1, 39)
        return pa.decimal128(precision, chance.randrange(precision + 1))
    if kind == 'list':
        return pa.list_(item())
    if kind == 'large_list':
        return pa.large_list(item())
    if kind == 'fixed_size_list':
        return pa.list_(item(), chance.randrange(1, 4))
    if kind == 'struct':
        return pa.struct([item(name) for name in chance.sample(sorted(set(NAMES)), chance.randrange(4))])
    if kind == 'map':
        return pa.map_(chance.choice((pa.string(), pa.int32())), item('value'))
    values = chance.choice((pa.string(), pa.large_string(), pa.int64(), pa.timestamp('us')))
    return pa.dictionary(chance.choice((pa.int8(), pa.uint16(), pa.int32(), pa.int64())), values, chance.random() < 0.5)


def random_array(chance, kind, length, nullable=True):
    nulls = nullable and length > 0 and not pa.types.is_null(kind) and chance.random() < 0.5
    missing = [chance.random() < 0.3 for _ in range(length)] if nulls else None
    bitmap = None if missing is None else pa.array([not one for one in missing]).buffers()[1]

    if pa.types.is_null(kind):
        return pa.nulls(length)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        offsets = np.cumsum([0] + [chance.randrange(4) for _ in range(length)])
        offsets = offsets.astype('i8' if pa.types.is_large_list(kind) else 'i4')
        if pa.types.is_map(kind):
            entry = pa.struct([kind.key_field, kind.item_field])
            children = [random_array(chance, entry, int(offsets[-1]), False)]
        else:
            children = [random_array(chance, kind.value_type, int(offsets[-1]), kind.value_field.nullable)]
        return pa.Array.from_buffers(kind, length, [bitmap, pa.py_buffer(offsets)], children=children)
    if pa.types.is_fixed_size_list(kind):
        children = [random_array(chance, kind.value_type, length * kind.list_size, kind.value_field.nullable)]
        return pa.Array.from_buffers(kind, length, [bitmap], children=children)
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        children = [random_array(chance, field.type, length, field.nullable) for field in fields]
        return pa.Array.from_buffers(kind, length, [bitmap], children=children)
    if pa.types.is_dictionary(kind):
        words = random_array(chance, kind.value_type, 5, False)
        picked = pa.array([chance.randrange(5) for _ in range(length)], kind.index_type, mask=None)
        if missing is not None:
            picked = pa.Array.from_buffers(kind.index_type, length, [bitmap, picked.buffers()[1]])
        return pa.DictionaryArray.from_arrays(picked, words, ordered=kind.ordered)
    if pa.types.is_boolean(kind):
        return pa.Array.from_buffers(kind, length, [bitmap, pa.py_buffer(chance.randbytes(length // 8 + 1))])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        words = [''.join(chance.choices(LETTERS, k=chance.randrange(6))).encode() for _ in range(length)]
        return of_bytes(kind, words, bitmap)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return of_bytes(kind, [chance.randbytes(chance.randrange(9)) for _ in range(length)], bitmap)
    if pa.types.is_date64(kind):
        # Whole days, which is what the format asks for.
        stored = (np.array([chance.randrange(-20_000, 20_000) for _ in range(length)], 'i8') * 86_400_000).tobytes()
    elif pa.types.is_time(kind):
        limit = 86_400 * 1000 ** UNITS.index(kind.unit)
        stored = np.array([chance.randrange(limit) for _ in range(length)], f'i{kind.bit_width // 8}').tobytes()
    elif pa.types.is_decimal(kind):
        limit = 10**kind.precision
        stored = b''.join(chance.randrange(1 - limit, limit).to_bytes(16, 'little', signed=True) for _ in range(length))
    else:
        stored = chance.randbytes(length * kind.bit_width // 8)
    return pa.Array.from_buffers(kind, length, [bitmap, pa.py_buffer(stored)])


def of_bytes(kind, parts, bitmap):
    large = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    offsets = np.cumsum([0] + [len(part) for part in parts]).astype('i8' if large else 'i4')
    return pa.Array.from_buffers(kind, len(parts), [bitmap, pa.py_buffer(offsets), pa.py_buffer(b''.join(parts))])


def read_arrays(client, ids):
    arrays = [client.get(ObjectID(one)) for one in ids]
    return [{'type': str(array.type), 'values': exact_values(array)} for array in arrays]
