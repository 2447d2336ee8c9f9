# The command in a small image: docs/docker.md says how it is used.
#   docker build -t maskwright .
#   docker run --rm maskwright --help

FROM rust:1.90-slim-bookworm AS build
# The assembler of the JPEG decoder's SIMD code.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nasm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package maskwright \
    && strip target/release/maskwright \
    && target/release/maskwright man /package/share/man/man1 \
    && mkdir -p /package/bin /package/share/bash-completion/completions \
    && target/release/maskwright completions bash > /package/share/bash-completion/completions/maskwright \
    && cp target/release/maskwright /package/bin/

FROM debian:bookworm-slim
COPY --from=build /package /usr/local
# Of the user inside: indexes of large sets, kept features, checkpoints from the hub. A volume here keeps them.
ENV XDG_CACHE_HOME=/cache HF_HOME=/cache/huggingface
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin maskwright \
    && install --directory --owner=10001 --group=10001 /work /cache
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/maskwright"]
CMD ["--help"]
