"""Which release this is. The package takes its version from here: what the metadata of an installed
package says costs a start ten imports."""

VERSION = "0.1.0"
