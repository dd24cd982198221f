"""Prints how a release came about: the predicate of SLSA's provenance, https://slsa.dev/spec/v1.0/provenance.

provenance.py SOURCE COMMIT VERSION BUILDER

SOURCE   address of the repository
COMMIT   what was built
VERSION  as what
BUILDER  address of what built it, for whom it can be trusted
"""

import json
import sys

source, commit, version, builder = sys.argv[1:]
predicate = {
    "buildDefinition": {
        "buildType": f"{source}/blob/main/docs/image.md#publish-and-sign",
        "externalParameters": {"command": "make release", "version": version},
        "resolvedDependencies": [{"uri": f"git+{source}@{commit}", "digest": {"gitCommit": commit}}],
    },
    "runDetails": {"builder": {"id": builder}},
}
json.dump(predicate, sys.stdout, indent=2)
print()
