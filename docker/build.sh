#!/usr/bin/env bash
# Builds what is in the image, in the folder it is called in: a clean checkout.
# The Dockerfile and scripts/image run just this.
#
#   docker/build.sh tools                   the compilers and certificates, pinned, into $TOOLS
#   docker/build.sh dependencies ARCH       the crates of Cargo.lock, compiled, into $CARGO_TARGET_DIR
#   docker/build.sh root ARCH FOLDER        the binary, and the root file system of the image around it
#
# ARCH is amd64 or arm64, whatever the building machine is. The same commit
# gives the same bytes in any folder: no path, date or setting of the machine
# gets into them.
set -euo pipefail

export TOOLS=${TOOLS:-$PWD/target/image-tools}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target} CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}

target() {
	case $1 in
	amd64) echo x86_64-unknown-linux-musl ;;
	arm64) echo aarch64-unknown-linux-musl ;;
	*) echo "docker/build.sh: no architecture $1: amd64 or arm64" >&2 && exit 2 ;;
	esac
}

tools() {
	local wanted
	wanted=$(sha256sum docker/requirements.txt)
	if [ "$(cat "$TOOLS/made-from" 2>/dev/null)" != "$wanted" ]; then
		rm -rf "$TOOLS"
		python3 -m venv "$TOOLS"
		"$TOOLS/bin/pip" install --quiet --no-deps --require-hashes --only-binary :all: -r docker/requirements.txt
		echo "$wanted" >"$TOOLS/made-from"
	fi
	rustup --quiet target add "$(target amd64)" "$(target arm64)"
}

# build ARCH ARGUMENT…: cargo, with nothing of the user's own settings but how registries are reached.
build() {
	local target prefix
	target=$(target "$1")
	shift
	prefix="-ffile-prefix-map=$CARGO_HOME=/cargo -ffile-prefix-map=$CARGO_TARGET_DIR=/target -ffile-prefix-map=$PWD=/src"
	env -u RUSTFLAGS -u CFLAGS -u LDFLAGS -u CC -u AR -u RUSTC_WRAPPER \
		PATH="$TOOLS/bin:$PATH" \
		CARGO_BUILD_RUSTC_WRAPPER= CARGO_INCREMENTAL=0 \
		ZIG_GLOBAL_CACHE_DIR="$TOOLS/zig" CARGO_ZIGBUILD_CACHE_DIR="$TOOLS/zigbuild" \
		"CFLAGS_${target//-/_}=-g0 $prefix" \
		CARGO_ENCODED_RUSTFLAGS="$(printf '%s\x1f' -Ctarget-feature=+crt-static "--remap-path-prefix=$CARGO_HOME=/cargo" \
			"--remap-path-prefix=$CARGO_TARGET_DIR=/target")--remap-path-prefix=$PWD=/src" \
		cargo zigbuild --locked --release --package ddp-streamer --bin ddp-streamer --target "$target" "$@"
}

# In a folder that has the manifests and no sources yet: empty ones stand in for them, so that a layer of this is good
# until Cargo.lock changes.
dependencies() {
	local made
	for made in src/main.rs src/lib.rs src/bin/ddp-bench/main.rs build.rs; do
		[ ! -e "$made" ] || { echo "docker/build.sh: $made is there: dependencies go before sources" >&2 && exit 2; }
		mkdir -p "$(dirname "$made")"
		echo 'fn main() {}' >"$made"
	done
	build "$1"
	# Or cargo would take what was made of the empty sources for newer than the checkout.
	cargo clean --quiet --release --package ddp-streamer --target "$(target "$1")"
	cargo clean --quiet --release --package ddp-streamer
	rm -r src build.rs
}

root() {
	local arch=$1 to=$2
	build "$arch"
	rm -rf "$to"
	install -D -m 755 "$CARGO_TARGET_DIR/$(target "$arch")/release/ddp-streamer" "$to/usr/bin/ddp-streamer"
	# The file is not in certs, where a folder with the service's own certificate may be mounted: it is looked for here as well.
	install -D -m 644 "$TOOLS"/lib/python3*/site-packages/certifi/cacert.pem "$to/etc/ssl/cert.pem"
	install -d "$to/etc/ssl/certs"
	ln -s ../cert.pem "$to/etc/ssl/certs/ca-certificates.crt"
	printf '%s\n' 'root:x:0:0:root:/:/sbin/nologin' 'ddp-streamer:x:65533:65533:ddp-streamer:/:/sbin/nologin' >"$to/etc/passwd"
	printf '%s\n' 'root:x:0:' 'ddp-streamer:x:65533:' >"$to/etc/group"
	mkdir -p "$to/usr/share" "$to/var/log"
	docker/licences "$(target "$arch")" >"$to/usr/share/licences.txt"
}

"$@"
