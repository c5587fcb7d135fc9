"""The source documents' training loops as they write them, to be timed beside ours.

One module a document, in the framework and the style that it uses; each offers ``loop(task)``. They import TensorFlow,
so whoever starts the processes that measure imports none of them.
"""
