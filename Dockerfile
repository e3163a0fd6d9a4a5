FROM node:24.21.0-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts, but with optional dependencies, because the binary of esbuild is one.
RUN npm ci --ignore-scripts
COPY tsconfig.json esbuild.config.js ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24.21.0-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY drizzle ./drizzle
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1, so that it receives the signal to stop.
CMD ["node", "dist/server.js"]
