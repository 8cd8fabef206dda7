# orco in a container: the daemon (`docker run -p 127.0.0.1:7070:7070 -e ORCHESTRATOR_API_KEY=… orco`), or a worker of runs
# (`docker run --no-healthcheck orco worker --redis … --api …`: it has no port to ask).
FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
# git: deploys. tini: process 1, which reaps what services and steps leave behind.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json tsconfig.json ./
COPY bin bin
COPY conformance conformance
COPY src src
RUN ln -s /app/bin/orco /usr/local/bin/orco \
  && orco --version \
  && install -d -o node -g node -m 700 /var/lib/orco
USER node
# All addresses of the container: without a key the daemon refuses that, unless ORCO_ALLOW_ANONYMOUS says that only friends reach it.
ENV ORCO_HOME=/var/lib/orco ORCHD_BIND_ADDR=0.0.0.0:7070
VOLUME /var/lib/orco
EXPOSE 7070
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7070/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "orco"]
CMD ["serve"]
