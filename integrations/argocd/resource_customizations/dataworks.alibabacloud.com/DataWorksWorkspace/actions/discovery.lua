return { ["reconcile"] = { ["disabled"] = false } }
