#!/bin/bash
# package.sh [amd64|arm64]: builds lpr-agent and lpr-server as .deb files for the Debian release of this machine and, where no
# other is named, for its kind. They lie in target/debian. For the other release: scripts/suite.sh SUITE scripts/package.sh.
# LPR_REVISION: the packages' revision (1); LPR_PACKAGE_FAST=1: larger files, sooner.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:-$(dpkg --print-architecture)}
case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *)
        echo "packages are made for amd64 and arm64, not for $arch" >&2
        exit 2
        ;;
esac
target=$machine-unknown-linux-gnu
release=$(. /etc/os-release && echo "$ID${VERSION_ID:-}")
case $release in
    debian12) opencv=406 ;;
    debian13) opencv=410 ;;
    *)
        echo "packages are made on Debian 12 or 13, and this is $release; scripts/suite.sh makes a root of either" >&2
        exit 1
        ;;
esac
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-${LPR_REVISION:-1}~deb${release#debian}
cargo_deb=$PWD/target/tools/cargo/bin/cargo-deb
scripts/cargo-deb.sh

# A program for the other kind of machine runs in qemu.
run=()
build=(cargo build --release --locked)
built=${CARGO_TARGET_DIR:-target}/release
if [[ $machine != "$(uname -m)" ]]; then
    run=(qemu-$machine-static)
    build+=(--target "$target")
    built=${CARGO_TARGET_DIR:-target}/$target/release
fi
"${build[@]}" --bin lpr-agent --bin lpr-server

# lay NAME: what both packages have, into target/package/NAME.
lay() {
    local name=$1
    local tree=target/package/$name
    install -D -d "$tree/usr/bin" "$tree/usr/share/man/man1" "$tree/usr/share/doc/$name/docs" "$tree/etc/$name"
    "$machine-linux-gnu-strip" -o "$tree/usr/bin/$name" "$built/$name"
    "${run[@]}" "$built/$name" manual --out "$tree/manual"
    mv "$tree"/manual/*.1 "$tree/usr/share/man/man1/"
    install -D -m 644 "$tree/manual/$name.bash" "$tree/usr/share/bash-completion/completions/$name"
    install -D -m 644 "$tree/manual/_$name" "$tree/usr/share/zsh/vendor-completions/_$name"
    install -D -m 644 "$tree/manual/$name.fish" "$tree/usr/share/fish/vendor_completions.d/$name.fish"
    gzip -9nc CHANGELOG.md >"$tree/usr/share/doc/$name/changelog.gz"
    cp docs/*.md "$tree/usr/share/doc/$name/docs/"
    # The configuration as it is documented, and as `lpr-… check-config` reads it.
    cp "config/${name#lpr-}.toml" "$tree/usr/share/doc/$name/"
}

rm -rf target/package
lay lpr-agent
lay lpr-server

server=target/package/lpr-server
cp config/server.toml "$server/etc/lpr-server/server.toml"
python3 scripts/notices.py "$target" | gzip -9n >"$server/usr/share/doc/lpr-server/THIRD-PARTY.gz"

agent=target/package/lpr-agent
models=$agent/usr/share/lpr-agent/models
mkdir -p "$models" "$agent/usr/lib/lpr-agent"
cp models/lock.toml "$models/"
# What `make models` brought need not come again; it is verified.
for file in yolox_nano yolox_nano_release clp_det PP-OCRv6_rec_small plate-det plate-ocr; do
    [[ ! -f models/$file.onnx ]] || cp "models/$file.onnx" "$models/"
done
stand_ins=$("${run[@]}" "$built/lpr-agent" models fetch --dir "$models")
vehicle=yolox-nano
for variable in $stand_ins; do
    [[ $variable != LPR_MODELS_VEHICLE=* ]] || vehicle=${variable#*=}
done
if [[ -f $models/yolov8n.onnx ]]; then
    echo "YOLOX-nano could not be had, and what stands in for it is under AGPL-3.0: no package is made of that" >&2
    exit 1
fi
for model in "$vehicle" clp-det plate-det plate-ocr ppocr-v6; do cp "models/$model.toml" "$models/"; done
rm -f "$models/.fetch.lock"
# A library is no data: /usr/share has a link to it.
library=$(basename "$models"/runtime/libonnxruntime.so.*)
mv "$models/runtime/$library" "$agent/usr/lib/lpr-agent/"
ln -s "../../../../lib/lpr-agent/$library" "$models/runtime/$library"
sed -e 's|^dir = "models"  *|dir = "/usr/share/lpr-agent/models"  |' -e "s|^vehicle = \"yolox-nano\"|vehicle = \"$vehicle\"|" \
    config/agent.toml >"$agent/etc/lpr-agent/agent.toml"
python3 scripts/notices.py "$target" "onnxruntime-$machine" |
    gzip -9n >"$agent/usr/share/doc/lpr-agent/THIRD-PARTY.gz"

mkdir -p target/debian
for name in lpr-agent lpr-server; do
    deb=target/debian/${name}_${version}_$arch.deb
    # With a target folder of its own: in the one it is given, it deletes the other suite's package of that name.
    CARGO_TARGET_DIR=target/package/cargo-deb "$cargo_deb" deb --no-build --locked ${LPR_PACKAGE_FAST:+--fast} --target "$target" \
        --variant "${name#lpr-}" --deb-version "$version" --output "$deb"
    depends=$(dpkg-deb --field "$deb" Depends)
    [[ $depends == *libc6* ]] || {
        echo "$deb: which libraries it needs was not found out: $depends" >&2
        exit 1
    }
    [[ $name != lpr-agent || $depends == *libopencv-core$opencv* ]] || {
        echo "$deb: it was not linked with $release's OpenCV: $depends" >&2
        exit 1
    }
    echo "$deb: $(du -h "$deb" | cut -f 1), needs $depends"
done
