// What the tests use of node, so that checking types needs no package for it.
declare module "node:test" {
  export function test(name: string, body: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  const assert: any;
  export default assert;
}
