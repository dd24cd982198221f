-- A suspended object is looked at again when it is resumed; until then a look would change nothing. Without
-- spec.publish the operator publishes nothing.
local suspended = obj.spec ~= nil and obj.spec.suspend == true
local publishes = obj.spec ~= nil and obj.spec.publish ~= nil

local actions = {}
actions["reconcile"] = { ["disabled"] = suspended }
actions["publish"] = { ["disabled"] = suspended or not publishes }
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
return actions
