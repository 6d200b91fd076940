"""Goals in words, in very many ways: what people may say who want them. docs/goal_wordings.md counts the ways."""
