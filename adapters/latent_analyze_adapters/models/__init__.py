"""What model files of every runtime share: roles, shapes, layouts, batches and checks."""
