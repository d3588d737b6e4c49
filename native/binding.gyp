{
  'variables': { 'sanitize%': 'false' },
  'targets': [
    {
      'target_name': 'vineyard_streams',
      'sources': [
        'src/addon.cc',
        'src/arguments.cc',
        'src/busy_poll.cc',
        'src/callback.cc',
        'src/channel.cc',
        'src/copy.cc',
        'src/env_state.cc',
        'src/errors.cc',
        'src/frame_parser.cc',
        'src/holds.cc',
        'src/json_scan.cc',
        'src/listener.cc',
        'src/mapping.cc',
        'src/memory.cc',
        'src/open_descriptors.cc',
        'src/region.cc',
        'src/send_queue.cc',
        'src/tcp.cc',
        'src/unix_socket.cc',
        'src/utf8.cc',
        'src/view_account.cc',
        'src/wrap.cc',
        'src/zstd.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': [
        'NAPI_VERSION=9',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        # Throwing is impossible while a worker is being terminated; the default is to abort the process.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc': [
        '-Wall',
        '-Wextra',
        '-Werror',
        '-fvisibility=hidden',
        # The single-file library of Zstandard that this package carries. As a system header its warnings are not ours.
        "<!(node -p \"'-isystem' + require.resolve('@cloudpss/zstd/package.json').slice(0, -12) + 'lib'\")",
      ],
      'configurations': {
        'Release': { 'cflags_cc!': ['-O3'], 'cflags_cc': ['-O2'] },
      },
      'conditions': [
        ['sanitize=="true"', {
          # Without run-time type information, as Node builds addons, the vptr check has nothing to look at.
          'cflags_cc': [
            '-fsanitize=address,undefined',
            '-fno-sanitize=vptr',
            '-fno-sanitize-recover=undefined',
            '-fno-omit-frame-pointer',
            '-g',
          ],
          'ldflags': ['-fsanitize=address,undefined'],
        }],
      ],
    },
  ],
}
