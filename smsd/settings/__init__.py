"""The configuration: what it may say (`model`), how it is read (`reader`), what an editor is told of it (`schema`)."""
