"""The status page: HTML for people, from what app has gathered. Whatever is not ours goes through `escape`."""
