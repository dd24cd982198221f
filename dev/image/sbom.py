"""Makes a bill of materials the same wherever the sources lie, and holds it against Cargo's own tree.

    sbom.py BILL NAME ROOT < TREE > BILL

TREE is what `cargo tree --prefix none --format {p}` prints: a name and a version in each line, that of NAME first.
"""

import json
import sys


def main(bill, name, root):
    with open(bill) as file:
        text = file.read().replace(f"file://{root}", "file:///source")
    if root in text:
        sys.exit(f"the bill of {name} names {root}")
    bill = json.loads(text)
    tree = [(crate, version.removeprefix("v")) for crate, version, *_ in map(str.split, sys.stdin)]
    component = bill["metadata"]["component"]
    if (component["name"], component["version"]) != tree[0]:
        sys.exit(f"the bill of {name} is that of {component['name']} {component['version']}")
    missing = set(tree[1:]) - {(part["name"], part["version"]) for part in bill["components"]}
    if missing or len(tree) < 50:
        sys.exit(f"the bill of {name} lacks {sorted(missing)}")
    json.dump(bill, sys.stdout, indent=2, ensure_ascii=False)
    print()


main(*sys.argv[1:])
