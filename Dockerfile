# Flatline in a container. UNTESTED as a whole: no registry of images could be reached where this was written. Its steps
# are those that tests/front-door.sh does in a fresh Debian: build, make the package, install it, run.
#
#     docker build -t flatline .
#     docker run --rm -v "$PWD/results:/results" flatline --gen-charts
#     docker run --rm -p 50051:50051 --entrypoint flatline-stress-server flatline --port 50051 --host 0.0.0.0
FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential ca-certificates debhelper fakeroot help2man \
    libcmocka-dev npm python3
COPY . /src
WORKDIR /src
RUN ./bootstrap build && make -C build deb DEB_BUILD_OPTIONS=nocheck && mv build/deb/flatline_*.deb /flatline.deb

FROM debian:12-slim
COPY --from=build /flatline.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/flatline.deb && \
    rm -rf /tmp/flatline.deb /var/lib/apt/lists/* && install -d -o flatline -g flatline /results
USER flatline
# Run folders; where it is mounted from the host must be writable by the user flatline of the image.
WORKDIR /results
VOLUME /results
ENTRYPOINT ["flatline-driver", "--working-dir", "/results"]
CMD ["--gen-charts"]
