"""Layers as their users write them, a ``torch.nn.Module`` or a ``keras.Layer``, made testable without an adapter.

``recognized`` sees what a class is, ``settings`` builds one with a decay and an epsilon, and one module a framework
makes an implementation of it from the parts of that framework's own adapters.
"""
