"""Called eagerly, nothing is compiled here; what is compiled is compiled by name."""

from harness.uncompiled import uncompiled as uncompiled
