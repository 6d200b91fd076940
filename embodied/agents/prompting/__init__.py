"""What a chat model is told and how its answers are read: function library, examples, scene, memory, budget, replies.

Everything that people, models or cameras said enters a prompt as a quoted string of `library.quote`, never as prompt.
"""
