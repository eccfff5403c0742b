"""Keys, encryption, and the record of what was done."""

from sixfold.security._api_keys import ApiKey, ApiKeys, Scope
from sixfold.security._encryption import decrypted, encrypted, recipient_from
from sixfold.security._home import Home
from sixfold.security._keyring import Keyring
from sixfold.security._ledger import Checkpoint, Entry, Ledger, tree_hash
from sixfold.security._signing import fingerprint, public_key_from_pem, read_public_key, trusted_keys

__all__ = [
    "ApiKey",
    "ApiKeys",
    "Checkpoint",
    "Entry",
    "Home",
    "Keyring",
    "Ledger",
    "Scope",
    "decrypted",
    "encrypted",
    "fingerprint",
    "public_key_from_pem",
    "read_public_key",
    "recipient_from",
    "tree_hash",
    "trusted_keys",
]
