-- A suspended object is looked at again when it is resumed; until then a look would change nothing. Without
-- spec.publish the operator publishes nothing, and with it publishes each version by itself: there is another run to
-- ask for only where that of this version has ended.

local function condition(kind)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, found in ipairs(obj.status.conditions) do
      if found.type == kind then
        return found
      end
    end
  end
  return nil
end

local ready = condition("Ready")
local current = obj.status ~= nil and obj.status.observedGeneration == obj.metadata.generation
local ended = current and ready ~= nil and (ready.status == "True" or ready.reason == "PublicationFailed")
local suspended = obj.spec ~= nil and obj.spec.suspend == true
local publishes = obj.spec ~= nil and obj.spec.publish ~= nil

local actions = {}
actions["reconcile"] = { ["disabled"] = suspended }
actions["publish"] = { ["disabled"] = suspended or not publishes or not ended }
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
return actions
