#!/bin/bash
# rust.sh FOLDER: prints a rustc that can build for aarch64-unknown-linux-gnu. That is rustup's, with the target added; where
# rustup's server cannot be reached, Debian testing's, unpacked into FOLDER (about 1 GB; needs mmdebstrap and root).
set -euo pipefail

target=aarch64-unknown-linux-gnu
folder=$(realpath -m "$1")

if [[ -d $(rustc --print sysroot)/lib/rustlib/$target ]] || rustup target add $target >&2; then
    command -v rustc
    exit 0
fi
if [[ ! -x $folder/rustc ]]; then
    echo "rustup cannot bring $target: taking rustc and its library from Debian testing" >&2
    rm -rf --one-file-system "$folder"
    mkdir -p "$folder"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' | grep -m 1 '/debian/\?$')
    sources="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror testing main"
    echo "$sources" >"$folder/testing.list"
    options=(--quiet --aptopt='Acquire::Check-Valid-Until "false"')
    mmdebstrap "${options[@]}" --variant=extract --architectures=amd64 --include=rustc,cargo \
        testing "$folder/root" "$folder/testing.list" >&2
    mmdebstrap "${options[@]}" --variant=extract --architectures=arm64 --include=libstd-rust-dev \
        testing "$folder/arm64" "$folder/testing.list" >&2
    cp -a "$folder/arm64/usr/lib/rustlib/$target" "$folder/root/usr/lib/rustlib/"
    rm -rf "$folder/arm64"
    # With its own C library: the suite's may be older.
    cat >"$folder/rustc" <<END
#!/bin/sh
root=$folder/root
exec "\$root/usr/lib64/ld-linux-x86-64.so.2" --argv0 rustc \\
    --library-path "\$root/usr/lib/x86_64-linux-gnu" "\$root/usr/bin/rustc" --sysroot "\$root/usr" "\$@"
END
    chmod +x "$folder/rustc"
fi
echo "$folder/rustc"
