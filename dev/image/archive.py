"""Looks at an OCI archive of one image: that it holds what Containerfile says, and nothing else.

    archive.py ARCHIVE NAME ARCH VERSION REVISION FOLDER

Unpacks the image's one file into FOLDER and prints the image's digest.
"""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found!r}, not {wanted!r}")


class Archive:
    """The blobs of an archive, each checked against its digest."""

    def __init__(self, path):
        self.tar = tarfile.open(path)

    def read(self, name):
        return self.tar.extractfile(name).read()

    def blob(self, descriptor):
        algorithm, digest = descriptor["digest"].split(":")
        content = self.read(f"blobs/{algorithm}/{digest}")
        same("digest", hashlib.new(algorithm, content).hexdigest(), digest)
        return content


def main(path, name, arch, version, revision, folder):
    archive = Archive(path)
    (entry,) = json.loads(archive.read("index.json"))["manifests"]
    manifest = json.loads(archive.blob(entry))
    image = json.loads(archive.blob(manifest["config"]))
    same("machine", (image["os"], image["architecture"]), ("linux", arch))
    same("creation", image["created"], "1970-01-01T00:00:00Z")
    config = image["config"]
    same("user", config["User"], "65532:65532")
    same("entry point", config["Entrypoint"], [f"/{name}"])
    labels = config["Labels"]
    same("title", labels["org.opencontainers.image.title"], name)
    same("version", labels["org.opencontainers.image.version"], version)
    same("revision", labels["org.opencontainers.image.revision"], revision)

    (layer,) = manifest["layers"]
    layer = tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive.blob(layer))))
    (file,) = layer.getmembers()
    same("the only file", (file.name, file.isfile()), (name, True))
    same("mode, owner, time", (oct(file.mode & 0o7777), file.uid, file.gid, file.mtime), ("0o755", 0, 0, 0))
    binary = pathlib.Path(folder, name)
    binary.write_bytes(layer.extractfile(file).read())
    binary.chmod(0o755)
    print(entry["digest"])


main(*sys.argv[1:])
