# The first stage builds the program and a root file system for it. The second stage contains only that file
# system: it has no shell and no package manager, and its user is only a number.

# The SBOM of a release lists the crates. BuildKit finds them in Cargo.lock, which is in the build context.
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true

FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-euxc"]
WORKDIR /build

# The dependencies are built in their own layer, with an empty program. The layer stays valid until the manifest
# or the lock file changes. The benchmark is copied because Cargo refuses a manifest whose benchmark is missing.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src; \
    echo 'fn main() {}' > src/main.rs; \
    touch src/lib.rs; \
    cargo build --release --locked --bin doorbell

# Cargo compares modification times, and the copied files can be older than the empty program: hence the touch.
COPY askama.toml ./
COPY src src
COPY config config
RUN touch src/main.rs src/lib.rs; \
    cargo build --release --locked --bin doorbell

# The program is linked dynamically with glibc, because a static one could not resolve host names. So the image
# needs its shared libraries at their paths, and the file that configures the resolver. The certificates are for
# connections other than those to Telegram.
RUN mkdir -p /image/etc/ssl/certs; \
    cp target/release/doorbell /image/; \
    ldd /image/doorbell | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} /image/; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    mkdir -p /writable/srv/data /writable/tmp

FROM scratch
COPY --from=build /image /
# The user is a number, so that a platform can verify that it is not root. It is 1000, the most frequent owner
# of disks that platforms mount into containers.
COPY --from=build --chown=1000:1000 /writable /
USER 1000:1000

# Write the service's own settings, such as its commands, into config/production.toml, which is compiled in.
# Secrets come from the environment at run time, never from a build argument.
ENV DOORBELL_PROFILE=production

# The inbox is the file data/doorbell.db below this folder. Set DATABASE_URL to a path on a mounted disk if updates
# must survive the container.
WORKDIR /srv
EXPOSE 10000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/doorbell"]
CMD ["serve"]
