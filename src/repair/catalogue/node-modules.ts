/**
 * Well-known packages with a major version that programs of most ages can load: by `require` where a later one can only be imported. Others are asked for
 * in any version. Written from what is known of them, not looked up.
 */
const RANGES = `
accepts@1 adm-zip@0.5 ajv@8 ajv-formats@2 amqplib@0.10 apollo-server@3 apollo-server-express@3 archiver@6 argon2@0.31 async@3 autoprefixer@10 aws-sdk@2 axios@1 axios-retry@3
bcrypt@5 bcryptjs@2 bluebird@3 body-parser@1 boom@7 bull@4 bullmq@5 bunyan@1 busboy@1 bytes@3
camelcase@6 chalk@4 chance@1 cheerio@1 chokidar@3 class-transformer@0.5 class-validator@0.14 cli-table3@0.6 clsx@2 colors@1 commander@11 compression@1 concurrently@8 config@3 connect-flash@0.1 connect-redis@7 consola@3 cookie@0.6
cookie-parser@1 cookie-session@2 cors@2 cron@3 cross-env@7 cross-fetch@4 crypto-js@4 csrf@3 csurf@1 csv-parse@5 csv-parser@3 csv-stringify@6
d3@7 dataloader@2 date-fns@2 dayjs@1 debug@4 deepmerge@4 depd@2 discord.js@14 dotenv@16 dotenv-expand@10 drizzle-orm@*
ejs@3 errorhandler@1 esbuild@* eslint@8 eta@3 eventemitter3@5 events@3 execa@5 express@4 express-async-errors@3 express-handlebars@7 express-jwt@8 express-rate-limit@7 express-session@1 express-validator@7 express-winston@4
fast-glob@3 fast-json-stringify@5 fastify@4 fastify-plugin@4 ffmpeg-static@5 file-type@16 find-up@5 finalhandler@1 firebase@10 firebase-admin@11 follow-redirects@1 form-data@4 formidable@3 fs-extra@11
generic-pool@3 glob@10 globby@11 google-auth-library@9 googleapis@128 got@11 graphql@16 graphql-request@6 graphql-tag@2 graphql-yoga@5
handlebars@4 he@1 helmet@7 highlight.js@11 hono@4 hot-shots@10 hpp@0.2 html-to-text@9 http-errors@2 http-proxy@1 http-proxy-middleware@2 http-status-codes@2 husky@8
i18n@0.15 i18next@23 iconv-lite@0.6 immer@10 immutable@4 inquirer@8 inversify@6 ioredis@5 ip@2 is-number@7 isomorphic-fetch@3
jade@1 jest@29 joi@17 jose@4 jquery@3 js-yaml@4 jsdom@22 json2csv@5 json5@2 jsonwebtoken@9 jszip@3 jwks-rsa@3
kafkajs@2 keyv@4 knex@3 koa@2 koa-body@6 koa-bodyparser@4 koa-router@12 koa-static@5
ldapjs@3 level@8 lodash@4 lodash.debounce@4 lodash.get@4 lodash.merge@4 log4js@6 loglevel@1 lowdb@1 lru-cache@10 luxon@3
mariadb@3 markdown-it@13 marked@4 memcached@2 method-override@3 micro@10 mime@3 mime-types@2 minimatch@9 minimist@1 mkdirp@1 mocha@10 moment@2 moment-timezone@0.5 mongodb@6 mongoose@8 morgan@1 mqtt@5 ms@2 multer@1 mustache@4 mysql@2 mysql2@3
nanoid@3 nats@2 nconf@0.12 needle@3 next@14 node-cache@5 node-cron@3 node-fetch@2 node-schedule@2 nodemailer@6 nodemon@3 nunjucks@3
oauth2-server@3 objection@3 on-finished@2 openai@4 ora@5
p-limit@3 p-queue@6 p-retry@4 papaparse@5 passport@0.7 passport-google-oauth20@2 passport-jwt@4 passport-local@1 path-to-regexp@6 pdfkit@0.14 pg@8 pg-hstore@2 pg-pool@3 pg-promise@11 pino@8 pino-http@8 pino-pretty@10 pm2@5 postcss@8 prettier@3 prom-client@15 prompts@2 proxy-addr@2 pug@3 puppeteer@21 puppeteer-core@21
qrcode@1 qs@6
ramda@0.29 rate-limiter-flexible@3 raw-body@2 react@18 react-dom@18 redis@4 reflect-metadata@0.2 request@2 request-promise@4 response-time@2 restify@11 rimraf@5 rxjs@7
sanitize-html@2 sass@1 semver@7 sequelize@6 serve-favicon@2 serve-static@1 sharp@0.33 shelljs@0.8 shortid@2 signal-exit@4 slugify@1 socket.io@4 socket.io-client@4 source-map-support@0.5 split2@4 sqlite3@5 statuses@2 stripe@14 strip-ansi@6 superagent@8 supertest@6 svelte@4 swagger-jsdoc@6 swagger-ui-express@5
tailwindcss@3 tedious@16 telegraf@4 through2@4 tiny-invariant@1 tmp@0.2 toml@3 tough-cookie@4 ts-node@10 tslib@2 tsx@4 twilio@4 type-fest@4 type-is@1 typeorm@0.3 typescript@5
underscore@1 undici@5 unzipper@0.10 url-join@4 uuid@9 validator@13 vary@1 vite@5 vue@3
web-push@3 webpack@5 webpack-cli@5 winston@3 winston-daily-rotate-file@4 ws@8 xlsx@0.18 xml2js@0.6 xss@1 yaml@2 yargs@17 yauzl@2 yup@1 zod@3
@apollo/server@4 @aws-sdk/client-dynamodb@3 @aws-sdk/client-s3@3 @aws-sdk/client-ses@3 @aws-sdk/client-sns@3 @aws-sdk/client-sqs@3 @aws-sdk/s3-request-presigner@3 @babel/core@7 @babel/preset-env@7 @babel/runtime@7
@elastic/elasticsearch@8 @fastify/compress@6 @fastify/cookie@9 @fastify/cors@8 @fastify/formbody@7 @fastify/helmet@11 @fastify/jwt@7 @fastify/multipart@8 @fastify/rate-limit@9 @fastify/static@6 @fastify/swagger@8 @fastify/websocket@8
@google-cloud/pubsub@4 @google-cloud/storage@7 @grpc/grpc-js@1 @grpc/proto-loader@0.7 @hapi/boom@10 @hapi/hapi@21 @hapi/joi@17 @hono/node-server@1 @koa/cors@4 @koa/router@12
@nestjs/common@10 @nestjs/config@3 @nestjs/core@10 @nestjs/jwt@10 @nestjs/mongoose@10 @nestjs/passport@10 @nestjs/platform-express@10 @nestjs/swagger@7 @nestjs/typeorm@10
@octokit/rest@20 @opentelemetry/api@1 @prisma/client@5 @sendgrid/mail@7 @sentry/node@7 @slack/bolt@3 @slack/web-api@6 @socket.io/redis-adapter@8 @supabase/supabase-js@2 @tanstack/react-query@5 @vitejs/plugin-react@4
`;

/** Package → major version, e.g. `express` → `^4`. */
export const NODE_MODULES: ReadonlyMap<string, string> = new Map(
  RANGES.trim()
    .split(/\s+/)
    .map((entry) => {
      const at = entry.lastIndexOf("@");
      return [entry.slice(0, at), rangeOf(entry.slice(at + 1))] as const;
    }),
);

function rangeOf(version: string): string {
  return version === "*" ? version : `^${version}`;
}
