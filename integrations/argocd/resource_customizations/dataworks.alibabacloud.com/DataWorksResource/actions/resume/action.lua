-- Taken away rather than set to false: Git need not name the field.
obj.spec.suspend = nil
return obj
