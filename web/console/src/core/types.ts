// The contract with the API (console design, section 8). Fields that a server
// may leave out are optional; unknown ones are ignored.

export interface PlainTerm {
  type: "uri" | "literal" | "typed-literal" | "bnode";
  value: string;
  datatype?: string;
  "xml:lang"?: string;
  label?: string;
  curie?: string;
}

export interface TripleTerm {
  type: "triple";
  value: { subject: Term; predicate: Term; object: Term };
  label?: string;
  curie?: string;
}

export type Term = PlainTerm | TripleTerm;
export type Binding = Record<string, Term | undefined>;
export type Kind = "stated" | "derived" | "inferred";

export interface Problem {
  type: string;
  title: string;
  status?: number;
  detail?: string;
  hint?: string;
  stage?: string;
  limit?: { name: string; used?: string | number; allowed?: string | number; max?: string | number };
  at?: Position;
  position?: { line: number; column: number; offset?: number };
  retryable?: boolean;
  request?: string;
  instance?: string;
}

export interface Position {
  line: number;
  col: number;
  from?: number;
  to?: number;
}

export interface Candidate {
  iri: string;
  label: string;
  class?: string;
  degree?: number;
  score?: number;
}

export interface Mention {
  i: number;
  from: number;
  to: number;
  candidates: Candidate[];
  chosen?: string | number | null;
}

export interface Piece {
  t: string;
  forced?: boolean;
  slot?: string;
  allowed?: number;
  mass?: number;
}

export interface Reading {
  n: number;
  label: string;
  parts?: string[];
  count?: number | null;
  exact?: boolean;
  chosen?: boolean;
}

export interface Draft {
  sparql: string;
  group?: string;
  weight?: number;
  why?: string;
  rows?: number;
}

export interface QueryEvent {
  sparql: string;
  anchored?: string;
  english?: string;
  tokens?: number;
  forced?: number;
  drafts?: Draft[];
}

export interface Statement {
  id: string;
  s: Term;
  p: Term;
  o: Term;
  g?: Term;
  kind?: Kind;
  spans?: string[];
  rows?: number[];
  source?: { label?: string; document?: string; line?: number; load?: string; snapshot?: string };
}

export type SpanState = "unchanged" | "moved" | "changed" | "missing" | "unchecked";

export interface Span {
  id: string;
  doc: string;
  title?: string;
  start?: number;
  end?: number;
  sha256?: string;
  state?: SpanState;
  page?: number | string;
  line?: number;
  text?: string;
  before?: string;
  after?: string;
}

export interface PathNode {
  id: string;
  term?: Term;
  label: string;
  sub?: string;
  kind?: string;
}

export interface PathEdge {
  id: string;
  from: string;
  to: string;
  label?: string;
  statement?: string;
  kind?: Kind;
}

export interface Path {
  nodes: PathNode[];
  edges: PathEdge[];
}

export interface Confidence {
  value: number;
  low: number;
  high: number;
  n: number;
}

export interface Need {
  label: string;
  iri?: string;
  mention?: number;
  question?: string;
  reading?: number;
  sparql?: string;
  href?: string;
}

export interface Refusal {
  code: string;
  message: string;
  tried?: string[];
  needs?: (string | Need)[];
}

export interface Verdict {
  outcome: "answered" | "refused";
  confidence?: Confidence | null;
  rests?: (string | { label: string; value: string | number })[];
  refusal?: Refusal | null;
}

export interface ValueRef {
  row?: number;
  var?: string;
  span?: string;
  count?: boolean;
  derived?: string;
}

export interface Segment {
  text?: string;
  val?: ValueRef;
  as?: string;
  ref?: number;
}

export interface Derived {
  id: string;
  formula: string;
  operands: string[];
  value: string;
  digits?: number;
  label?: string;
}

export interface Citation {
  n: number;
  span?: string;
  statement?: string;
  label?: string;
}

export interface Answer {
  headline?: Segment;
  segments: Segment[];
  derived?: Derived[];
  citations?: Citation[];
  next?: { question: string; rows?: number }[];
}

export interface InferredRow {
  s: Term;
  p: Term;
  o: Term;
  score?: number;
}

export interface AskRequest {
  question: string;
  at?: string;
  reading?: number;
  links?: { from: number; to: number; iri: string }[];
  inferred?: boolean;
  /** run that this question follows up */
  after?: string;
  lang?: string;
}

export interface AskEvent {
  id: number;
  event: string;
  data: unknown;
}

export interface SearchItem {
  kind: string;
  iri?: string;
  label: string;
  curie?: string;
  class?: string;
  degree?: number;
}

export interface EntityGroup {
  p: Term;
  count: number;
  values: { o?: Term; s?: Term; g?: Term; sources?: number }[];
  next?: string;
}

export interface Entity {
  iri: string;
  label: string;
  curie?: string;
  lang?: string;
  description?: string;
  types: Term[];
  labels?: { value: string; lang?: string }[];
  counts?: { out: number; in: number };
  out: EntityGroup[];
  in: EntityGroup[];
  rare?: { p: Term; share: number }[];
  absent?: { p: Term; share: number }[];
  questions?: string[];
}

export interface Neighbours {
  items: { term: Term; g?: Term }[];
  count: number;
  next?: string;
}

export interface Counted {
  iri: string;
  label?: string;
  curie?: string;
  count?: number;
  subjects?: number;
  objects?: number;
}

export interface Stats {
  snapshot?: string;
  triples?: number;
  quads?: number;
  entities?: number;
  subjects?: number;
  objects?: number;
  literals?: number;
  graphs?: number | Counted[];
  predicates?: Counted[];
  classes?: Counted[];
  bytes?: number;
  loaded?: string;
}

export interface ShapeProperty extends Counted {
  share?: number;
  ranges?: Counted[];
}

export interface Shape {
  classes: (Counted & { properties?: ShapeProperty[] })[];
}

export interface Examples {
  questions?: { question: string; rows?: number; class?: string }[];
  queries?: { title: string; sparql: string; rows?: number; teaches?: string; group?: string }[];
}

export interface Check {
  name: string;
  status: string;
  detail?: string;
  ageMs?: number;
}

export interface Health {
  status: string;
  version?: string;
  snapshot?: string;
  snapshotTime?: string;
  uptimeMs?: number;
  model?: { name: string; parameters?: number; quantisation?: string; device?: string; file?: string } | null;
  decoder?: string;
  calibrated?: boolean;
  graph?: { name?: string; triples?: number };
  checks?: Check[];
  limits?: { timeoutMs?: number; rows?: number; memory?: number };
}

export interface ParseError {
  from: number;
  to: number;
  line: number;
  col: number;
  message: string;
  expected?: string[];
  fixes?: { title: string; edits: { from: number; to: number; insert: string }[] }[];
}

export interface Parsed {
  ok: boolean;
  errors: ParseError[];
  formatted?: string;
  form?: string;
  vars?: string[];
  prefixes?: Record<string, string>;
}

export interface CompletionItem {
  insert: string;
  label: string;
  curie?: string;
  kind?: string;
  count?: number;
  exact?: boolean;
  sample?: string;
  group?: string;
  prefix?: { name: string; iri: string };
}

export interface Completions {
  from: number;
  to: number;
  items: CompletionItem[];
  level?: string;
  ms?: number;
}

export interface PlanNode {
  id: string | number;
  op: string;
  detail?: string;
  estimate?: number;
  actual?: number;
  /** rows that really came, where the plan was run (another name of actual) */
  rows?: number;
  analyzed?: boolean;
  ms?: number;
  memory?: number;
  index?: string;
  from?: number;
  to?: number;
  state?: string;
  children?: PlanNode[];
}

export interface Choices {
  slot?: string;
  grammar?: number;
  allowed?: number;
  mass?: number;
  items: { label: string; curie?: string; iri?: string; share: number }[];
}

export interface DocumentItem {
  id: string;
  iri: string;
  title: string;
  name: string;
  mediaType?: string;
  form?: string;
  amends?: string;
  company?: string;
  filer?: string;
  fiscalYear?: number;
  fiscalPeriod?: string;
  periodEnd?: string;
  filed?: string;
  accession?: string;
  partOf?: string;
  pages?: number;
  bytes: number;
  sha256: string;
}

/** Text and its bytes in the file; mark is set for what is cited. */
export interface SourceRun {
  t: string;
  from: number;
  to: number;
  mark?: number;
}

export interface SourceBlock {
  kind: "heading" | "paragraph" | "table";
  level?: number;
  runs?: SourceRun[];
  rows?: { cells: { runs: SourceRun[]; head?: boolean; col: number; span?: number }[] }[];
}

export interface SourcePage {
  document: DocumentItem;
  page: number;
  pages: number;
  blocks: SourceBlock[];
}

export interface FactSpan {
  doc: string;
  start: number;
  end: number;
  sha256: string;
}

export interface FactItem {
  id: string;
  iri: string;
  concept: string;
  name: string;
  label: string;
  own?: boolean;
  value: string;
  numeric?: boolean;
  nil?: boolean;
  unit?: string;
  decimals?: string;
  scale?: number;
  start?: string;
  end?: string;
  dims?: { axis: string; member: string }[];
  row?: string;
  column?: string;
  footnote?: string;
  page?: number;
  span: FactSpan;
  versions?: { doc: string; title: string; filed?: string; value: string; decimals?: string; differs?: boolean; page?: number; span: FactSpan }[];
}

export interface FactPage {
  document: DocumentItem;
  items: FactItem[];
  total: number;
  next?: string;
}

export interface SpanQuote {
  id: string;
  doc: string;
  title: string;
  start: number;
  end: number;
  sha256: string;
  state: SpanState;
  page?: number;
  text: string;
  before?: string;
  after?: string;
}

export interface Deletion {
  document: string;
  statements: number;
  only: number;
  shared: number;
  spans: number;
  index_entries: number;
  orphans: number;
  token?: string;
}

export interface InferredLink {
  s: Term;
  p: Term;
  o: Term;
  kind: Kind;
  probability?: number;
}

/** What is likely and not stated about an entity, and why. */
export interface Likely {
  iri: string;
  items: (InferredLink & { meaning?: string; reasons: { kind: string; like?: number; links?: InferredLink[] }[] })[];
  model: { name?: string; mrr?: number; calibrated?: boolean };
  new?: boolean;
  sigma?: number;
}
