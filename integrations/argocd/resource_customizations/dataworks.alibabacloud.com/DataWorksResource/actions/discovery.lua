-- A suspended object is looked at again when it is resumed; until then a look would change nothing.
local suspended = obj.spec ~= nil and obj.spec.suspend == true

local actions = {}
actions["reconcile"] = { ["disabled"] = suspended }
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
return actions
