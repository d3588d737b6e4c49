#!/usr/bin/env bash
# Builds binaries that the package carries, into prebuilds/<platform>-<arch>[-musl]; `npm pack` calls it for linux-x64.
# Usage: scripts/prebuild.sh [target…]. Targets: linux-x64 (the default), linux-arm64, linux-x64-musl, linux-arm64-musl, all.
# Only linux-x64 is tested: there is no machine of the other kinds here.
#
# The compiler is zig: clang with the headers of every glibc and musl, in one wheel from PyPI that is kept in .cache. So a
# binary needs no newer C library than Node's own does, whatever this machine has, and carries its C++ library with it.
set -euo pipefail
cd "$(dirname "$0")/.."

zig_version=0.17.1
# The oldest that Node 20 itself runs on.
glibc=2.28

declare -A triples=(
  [linux-x64]=x86_64-linux-gnu.$glibc
  [linux-arm64]=aarch64-linux-gnu.$glibc
  [linux-x64-musl]=x86_64-linux-musl
  [linux-arm64-musl]=aarch64-linux-musl
)
targets=("$@")
[ $# -gt 0 ] || targets=(linux-x64)
[ "${targets[0]}" != all ] || targets=("${!triples[@]}")

venv=.cache/zig-$zig_version
if [ ! -e "$venv/complete" ]; then
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet "ziglang==$zig_version"
  touch "$venv/complete"
fi
zig="$PWD/$venv/bin/python -m ziglang"

for target in "${targets[@]}"; do
  triple=${triples[$target]}
  arch=${target#linux-}
  # A folder of its own: native/build is the binary of this checkout. What is unchanged is not compiled again.
  folder=.cache/prebuild/$target
  mkdir -p "$folder" "prebuilds/$target"
  ln -sfn ../../../native/src "$folder/src"
  cp native/binding.gyp "$folder"
  # CMSG_NXTHDR of musl compares integers of different signs.
  CC="$zig cc -target $triple" CXX="$zig c++ -target $triple" AR="$zig ar" CXXFLAGS=-Wno-sign-compare LDFLAGS=-s \
    npx node-gyp --loglevel=warn --directory="$folder" --arch="${arch%-musl}" configure build --jobs=max
  cp "$folder/build/Release/vineyard_streams.node" "prebuilds/$target/"
  echo "prebuilds/$target: $(stat --format=%s "prebuilds/$target/vineyard_streams.node") bytes"
done
