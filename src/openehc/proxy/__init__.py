"""The front proxy of the crypto module (密码机前置代理, 材料一 9.5): who may call, what is kept.

The wire stands in `openehc.crypto.remote`, the module that computes in `openehc.crypto.module`.
"""
