# Two stages: the first builds the program, and a root file system around it; the second is that
# file system and nothing else: no shell, no package manager, no user but a number.

# A release has a list of what it is made of; the crates are known from Cargo.lock, not from the program.
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true

FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-euxc"]
WORKDIR /build

# The dependencies have a layer of their own, built around an empty program: it stays valid until
# the manifest or the lock file changes. Cargo refuses a manifest whose benchmark is missing, so that
# file comes along.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src; \
    echo 'fn main() {}' > src/main.rs; \
    touch src/lib.rs; \
    cargo build --release --locked --bin doorbell

# The touch, because Cargo goes by times, and the files may be older than the empty program.
COPY src src
COPY config config
RUN touch src/main.rs src/lib.rs; \
    cargo build --release --locked --bin doorbell

# The program is linked with glibc as on a developer's machine, and dynamically: a static one could
# not resolve names. So the libraries it names come along, at the paths it names, and what the
# resolver reads. The certificates are for connections other than Telegram's.
RUN mkdir -p /image/etc/ssl/certs; \
    cp target/release/doorbell /image/; \
    ldd /image/doorbell | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} /image/; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    mkdir -p /writable/srv/data /writable/tmp

FROM scratch
COPY --from=build /image /
# A number, so that a platform can see that it is not root; 1000, because disks that are mounted
# into a container belong to it more often than to any other.
COPY --from=build --chown=1000:1000 /writable /
USER 1000:1000

# Settings that belong to the service, such as its commands, go into config/production.toml, which is
# compiled in. Secrets come from the environment when it runs, never from a build argument.
ENV DOORBELL_PROFILE=production

# The inbox is data/doorbell.db in here, unless DATABASE_URL names another place: a disk, if
# updates shall outlive the container.
WORKDIR /srv
EXPOSE 10000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/doorbell"]
CMD ["serve"]
