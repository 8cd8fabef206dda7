/** `import sql from "./schema.sql" with { type: "text" }`: embedded by `bun build --compile`. */
declare module "*.sql" {
  const text: string;
  export default text;
}
