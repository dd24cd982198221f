"""Holds the list of dependencies in a binary against Cargo.lock and the bill of materials.

    audit.py NAME VERSION CARGO_LOCK SBOM < LIST

LIST is what rust-audit-info prints.
"""

import json
import sys
import tomllib


def main(name, version, lock, sbom):
    packages = json.load(sys.stdin)["packages"]
    (root,) = (package for package in packages if package.get("root"))
    if (root["name"], root["version"]) != (name, version):
        sys.exit(f"the list is that of {root['name']} {root['version']}")

    with open(lock, "rb") as file:
        locked = {(package["name"], package["version"]) for package in tomllib.load(file)["package"]}
    with open(sbom) as file:
        bill = json.load(file)
    named = {(part["name"], part["version"]) for part in [bill["metadata"]["component"], *bill["components"]]}
    linked = {(package["name"], package["version"]) for package in packages if package.get("kind", "runtime") == "runtime"}
    for where, there in (("Cargo.lock", locked), ("the bill of materials", named)):
        if linked - there:
            sys.exit(f"in {name}, but not in {where}: {sorted(linked - there)}")
    if len(linked) < 50:
        sys.exit(f"{name} lists only {len(linked)} dependencies")
    print(f"{name} lists {len(linked)} crates that are linked into it")


main(*sys.argv[1:])
