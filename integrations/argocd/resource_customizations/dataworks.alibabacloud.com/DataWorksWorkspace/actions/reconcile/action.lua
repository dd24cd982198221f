local os = require("os")

-- The operator acts on any new value, and echoes it in status.lastHandledReconcileAt.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["dataworks.alibabacloud.com/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
