"""Drive every operation of the simulator with the vendor's SDK, as it is.

    python drive.py http://127.0.0.1:PORT

Ends with 0 and the word "passed" when every answer and error was as expected.
"""

import hashlib
import io
import json
import os
import sys
import urllib.request

for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]

from alibabacloud_dataworks_public20240518 import models as m
from alibabacloud_dataworks_public20240518.client import Client as DataWorks
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.core import DaraCore
from darabonba.runtime import RuntimeOptions

PROJECT = 123456
AWKWARD = 'x = "a+b c~d*e%20f&g=h/i?j#k"\r\ny = \'q\\n\'\ttab\n# 中文 é 😀 \u2028 <>\n'
ONCE = RuntimeOptions(autoretry=False, max_attempts=1)
URL = sys.argv[1]


def config(**over):
    values = dict(
        access_key_id="LTAIexampleAKID",
        access_key_secret="exampleSecret",
        region_id="cn-shanghai",
        endpoint=URL.removeprefix("http://"),
        protocol="http",
    )
    values.update(over)
    return Config(**values)


def admin(method, path, body=None):
    request = urllib.request.Request(
        f"{URL}/_simulator/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: {got!r}, wanted {want!r}")


def spec(path, content, **more):
    resource = {
        "name": path.rsplit("/", 1)[-1],
        "script": {"content": content, "path": path, "runtime": {"command": "ODPS_PYTHON"}},
        "type": "python",
        "file": {"storage": {}},
        "datasource": {"name": "odps_first", "type": "odps"},
    }
    resource.update(more)
    document = {"version": "1.1.0", "kind": "Resource", "spec": {"fileResources": [resource]}}
    return json.dumps(document, ensure_ascii=False)


def fails(code, status, call, request):
    try:
        call(request, ONCE)
    except Exception as error:  # the SDK raises errors of several unrelated classes
        equal(getattr(error, "code", None), code, "code")
        equal(getattr(error, "status_code", None), status, f"status of {code}")
        return
    raise AssertionError(f"no error, wanted {code}")


def plainly(original):
    """The SDK sends forms by HTTPS whatever it is told; the simulator has no certificate."""

    def send(request, runtime=None, *rest):
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            request.protocol = "http"
        return original(request, runtime, *rest)

    return send


DaraCore.do_action = staticmethod(plainly(DaraCore.do_action))


def main():
    client = DataWorks(config())
    # The field of Config is read by nobody.
    client._open_platform_endpoint = URL.removeprefix("http://")
    create = client.create_resource_with_options
    get = client.get_resource_with_options
    delete = client.delete_resource_with_options
    lists = client.list_resources_with_options

    def read(id):
        return get(m.GetResourceRequest(project_id=PROJECT, id=id), ONCE).body.resource

    # Create, and read what was created.
    request = m.CreateResourceRequest(project_id=PROJECT, spec=spec("XX/新 目录/a~*.py", AWKWARD))
    answer = create(request, ONCE)
    equal(answer.status_code, 200, "status")
    id = answer.body.id
    equal((type(id), len(id)), (str, 19), "id")
    equal(len(answer.body.request_id), 36, "request id")
    resource = read(id)
    equal((resource.id, resource.name, resource.owner), (id, "a~*.py", "1000"), "resource")
    equal(resource.project_id, PROJECT, "project")
    equal(len(str(resource.create_time)), 13, "create time")
    document = json.loads(resource.spec)["spec"]["fileResources"][0]
    equal(document["script"]["content"], AWKWARD, "content")
    equal(document["id"], id, "id in the document")
    equal("file" in document, False, "an empty storage")

    # Errors of create.
    fails("5801488441564725265", 400, create, request)
    wrong = json.loads(spec("a.py", ""))
    wrong["kind"] = "Node"
    request = m.CreateResourceRequest(project_id=PROJECT, spec=json.dumps(wrong))
    fails("5801488441564725253", 400, create, request)
    request = m.CreateResourceRequest(project_id=1, spec=spec("a.py", ""))
    fails("1101080008", 400, create, request)
    fails("MissingSpec", 400, create, m.CreateResourceRequest(project_id=PROJECT))

    # A file from a URL.
    request = m.CreateResourceRequest(
        project_id=PROJECT, spec=spec("XX/b.py", ""), resource_file="https://example.com/b.py?x=1&y=2"
    )
    second = create(request, ONCE).body.id
    held = admin("GET", f"resources/{second}")
    equal(held["resourceFile"], "https://example.com/b.py?x=1&y=2", "resource file")

    # A file that is uploaded first, and again.
    jar = bytes(range(256)) * 400 + b"\r\n--0000\r\n"
    advance = dict(project_id=PROJECT, spec=spec("XX/lib.jar", "", type="jar"))
    request = m.CreateResourceAdvanceRequest(resource_file_object=io.BytesIO(jar), **advance)
    third = client.create_resource_advance(request, ONCE).body.id
    held = admin("GET", f"resources/{third}")
    equal((held["contentSha256"], held["fileBytes"]), (hashlib.sha256(jar).hexdigest(), len(jar)), "upload")
    request = m.UpdateResourceAdvanceRequest(id=third, resource_file_object=io.BytesIO(b"v2"), **advance)
    client.update_resource_advance(request, ONCE)
    held = admin("GET", f"resources/{third}")
    equal((held["contentSha256"], held["fileBytes"]), (hashlib.sha256(b"v2").hexdigest(), 2), "second upload")
    delete(m.DeleteResourceRequest(project_id=PROJECT, id=third), ONCE)

    # Uploads that are refused.
    def upload_fails(code, status, settings):
        admin("PUT", "settings", settings)
        request = m.CreateResourceAdvanceRequest(resource_file_object=io.BytesIO(b"x"), **advance)
        try:
            client.create_resource_advance(request, ONCE)
        except Exception as error:
            equal((error.code, error.data["httpCode"]), (code, status), "refused upload")
            return
        raise AssertionError(f"no error, wanted {code}")

    upload_fails("AccessDenied", 403, {"upload": {"policyValidityMs": 0}})
    upload_fails("EntityTooLarge", 400, {"upload": {"policyValidityMs": 600000, "maxBytes": 0}})
    admin("PUT", "settings", {"upload": {"maxBytes": 5242880}})
    dead = URL + "/dataworks-public/nothing"
    request = m.CreateResourceRequest(project_id=PROJECT, spec=spec("XX/d.py", ""), resource_file=dead)
    fails("5801488441564725266", 400, create, request)

    # List, with every filter.
    def names(**filters):
        page = lists(m.ListResourcesRequest(project_id=PROJECT, **filters), ONCE).body.paging_info
        return [row.name for row in page.resources], page.total_count

    equal(names(), (["a~*.py", "b.py"], 2), "list")
    equal(names(page_size=1, page_number=2), (["b.py"], 2), "second page")
    equal(names(name="A~*"), (["a~*.py"], 1), "fuzzy name")
    equal(names(owner="1000", type="Python"), (["a~*.py", "b.py"], 2), "owner and type")
    equal(names(type="Jar"), ([], 0), "another type")
    row = lists(m.ListResourcesRequest(project_id=PROJECT), ONCE).body.paging_info.resources[0]
    equal((row.data_source.name, row.data_source.type), ("odps_first", "odps"), "data source")
    equal((row.script.path, row.script.runtime.command), ("XX/新 目录/a~*.py", "ODPS_PYTHON"), "script")
    equal((row.id, row.type, row.project_id), (id, "Python", PROJECT), "row")
    fails("InvalidParameter", 400, lists, m.ListResourcesRequest(project_id=PROJECT, page_size=101))

    # Update, move, rename.
    request = m.UpdateResourceRequest(project_id=PROJECT, id=id, spec=spec("XX/新 目录/a~*.py", "2"))
    equal(client.update_resource_with_options(request, ONCE).body.success, True, "update")
    request = m.MoveResourceRequest(project_id=PROJECT, id=id, path="YY/新+1")
    equal(client.move_resource_with_options(request, ONCE).body.success, True, "move")
    request = m.RenameResourceRequest(project_id=PROJECT, id=id, name="新 名字+1~*.py")
    equal(client.rename_resource_with_options(request, ONCE).body.success, True, "rename")
    held = admin("GET", f"resources/{id}")
    equal((held["path"], held["content"]), ("YY/新+1/新 名字+1~*.py", "2"), "after the changes")
    equal(read(id).name, "新 名字+1~*.py", "name")

    # Publish: one stage at a time, then by itself, then a person's word, then offline.
    def run_of(run):
        asked = m.GetPipelineRunRequest(project_id=PROJECT, id=run)
        return client.get_pipeline_run_with_options(asked, ONCE).body.pipeline

    def start(**more):
        asked = m.CreatePipelineRunRequest(project_id=PROJECT, object_ids=[id], **more)
        return client.create_pipeline_run_with_options(asked, ONCE).body.id

    def stages(run):
        return [(stage.code, stage.status) for stage in run_of(run).stages]

    def exec_stage(run, code):
        asked = m.ExecPipelineRunStageRequest(project_id=PROJECT, id=run, code=code)
        return client.exec_pipeline_run_stage_with_options(asked, ONCE).body.success

    first = start(type="Online", description="by hand")
    equal(stages(first), [("BUILD_PACKAGE", "Success"), ("PROD_CHECK", "Init"), ("PROD", "Init")], "stages")
    equal((run_of(first).status, run_of(first).description), ("Running", "by hand"), "run")
    asked = m.ExecPipelineRunStageRequest(project_id=PROJECT, id=first, code="PROD")
    fails("5801489541076353036", 400, client.exec_pipeline_run_stage_with_options, asked)
    equal([exec_stage(first, code) for code in ("PROD_CHECK", "PROD")], [True, True], "exec")
    equal(run_of(first).status, "Success", "published")
    fails("5801489541076353035", 400, client.exec_pipeline_run_stage_with_options, asked)
    asked = m.ListPipelineRunItemsRequest(project_id=PROJECT, pipeline_run_id=first)
    item = client.list_pipeline_run_items_with_options(asked, ONCE).body.paging_info.pipeline_run_items[0]
    equal((item.id, item.type, item.version), (id, "Resource", 1), "item")
    equal(json.loads(item.spec)["spec"]["fileResources"][0]["script"]["content"], "2", "published content")
    second = start(type="Online", run_mode="Auto", auto_run_until_stage="PROD_CHECK")
    equal([status for _, status in stages(second)], ["Success", "Success", "Init"], "until a stage")
    asked = m.AbolishPipelineRunRequest(project_id=PROJECT, id=second)
    equal(client.abolish_pipeline_run_with_options(asked, ONCE).body.success, True, "abolish")
    equal(run_of(second).status, "Cancel", "abolished")
    admin("POST", "projects", {"id": PROJECT, "name": "sora_finance", "devEnvironmentEnabled": True})
    third = start(type="Online", run_mode="Auto")
    equal([status for _, status in stages(third)], ["Success"] * 3 + ["Running", "Init", "Init"], "approval")
    admin("POST", f"runs/{third}", {"decision": "approve"})
    equal(run_of(third).status, "Success", "approved")
    asked = m.ListPipelineRunsRequest(project_id=PROJECT, object_id=id, status="Success", page_size=1)
    page = client.list_pipeline_runs_with_options(asked, ONCE).body.paging_info
    equal(([run.id for run in page.pipeline_runs], page.total_count), ([third], 2), "runs")
    admin("POST", "projects", {"id": PROJECT, "name": "sora_finance"})
    equal(run_of(start(type="Offline", run_mode="Auto")).status, "Success", "offline")
    equal(admin("GET", "runs")["published"], [], "nothing is published any more")
    asked = m.CreatePipelineRunRequest(project_id=PROJECT, type="Online", object_ids=["7"])
    fails("5801489541076353033", 400, client.create_pipeline_run_with_options, asked)

    # Delete; gone is gone.
    request = m.DeleteResourceRequest(project_id=PROJECT, id=id)
    equal(delete(request, ONCE).body.success, True, "delete")
    fails("5801488441564725318", 400, delete, request)
    fails("5801488441564725318", 400, get, m.GetResourceRequest(project_id=PROJECT, id=id))
    request = m.UpdateResourceRequest(project_id=PROJECT, id=id, spec=spec("a.py", ""))
    fails("5801488441564725318", 400, client.update_resource_with_options, request)

    # Project and caller.
    project = client.get_project_with_options(m.GetProjectRequest(id=PROJECT), ONCE).body.project
    equal((project.id, project.name, project.status), (PROJECT, "sora_finance", "Available"), "project")
    fails("1101080008", 400, client.get_project_with_options, m.GetProjectRequest(id=1))
    identity = Sts(config()).get_caller_identity_with_options(ONCE).body
    equal((identity.account_id, identity.arn), ("1000", "acs:ram::1000:root"), "identity")

    # Callers that may not, and faults.
    request = m.GetProjectRequest(id=PROJECT)
    stranger = DataWorks(config(access_key_secret="wrong")).get_project_with_options
    fails("SignatureDoesNotMatch", 400, stranger, request)
    stranger = DataWorks(config(access_key_id="LTAInobody")).get_project_with_options
    fails("InvalidAccessKeyId.NotFound", 404, stranger, request)
    stranger = DataWorks(config(security_token="token")).get_project_with_options
    fails("InvalidSecurityToken.MismatchWithAccessKey", 400, stranger, request)
    key = {"accessKeyId": "STS.one", "secret": "s", "securityToken": "to+ken/=", "accountId": "1000"}
    admin("PUT", "keys", [key])
    temporary = config(access_key_id="STS.one", access_key_secret="s", security_token="to+ken/=")
    DataWorks(temporary).get_project_with_options(request, ONCE)
    admin("POST", "reset", {"what": "all"})
    admin("POST", "faults", {"count": 1, "kind": {"throttle": {}}})
    fails("Throttling.User", 429, client.get_project_with_options, request)
    client.get_project_with_options(request, ONCE)
    print("passed")


main()
