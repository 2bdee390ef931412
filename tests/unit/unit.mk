# What a unit test needs besides lib.a: objects of its folder, libraries.
