-- Follows kstatus: observedGeneration first, then Stalled, then Ready. Needs only Lua's base library, so it also
-- works from argocd-cm. An object that is being deleted never comes here: Argo CD calls it Progressing by itself.

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

if not current or ready == nil then
  return { status = "Progressing", message = "Waiting for the operator to look at this version." }
end

local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end
if ready.status == "True" then
  -- It can be worked with, and what a person is to see stands beside.
  local absence = condition("MassAbsence")
  return { status = "Healthy", message = (absence or ready).message }
end
if ready.status == "False" then
  return { status = "Degraded", message = ready.message }
end
return { status = "Progressing", message = ready.message }
