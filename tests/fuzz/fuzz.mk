# What a fuzz target needs besides lib.a: objects of its folder, libraries.
