local os = require("os")

-- The operator makes a deployment run for any new value, and echoes it in status.lastHandledPublishAt.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["dataworks.alibabacloud.com/publish-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
