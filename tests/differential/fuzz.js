// Compares libcedar with cedar-wasm on random policies, schemas, entities and requests.
// usage: node fuzz.js ENGINE PROGRAM SECONDS [SEED]
'use strict';
const { spawnSync } = require('child_process');
const [, , enginePath, program, secondsText, seedText] = process.argv;
let engine = require(enginePath);
const seed = Number(seedText ?? Date.now() % 1e9);
const seconds = Number(secondsText);
console.log(`seed ${seed}`);

let state = seed >>> 0;
function random() { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;
const many = (max, make) => Array.from({ length: below(max + 1) }, make);

// The world that everything is drawn from, small enough that things meet.
const types = ['User', 'Group', 'Doc', 'NS::Robot'];
const ids = ['a', 'b', 'c', '', 'é "q"'];
const attrs = ['n', 's', 'flag', 'who', 'tags', 'rec', 'ip', 'dec', 'at', 'for', 'x y', 'if', 'list'];
const actions = ['read', 'write', 'all', 'do it'];
const strings = ['', 'a', 'b', 'abc', 'a*c', 'é', '10.0.0.1', '1.5', '2024-01-31', '1h', 'x"y\\z', '\u0000', '\u{1F600}'];
const longs = ['0', '1', '2', '-1', '9223372036854775807', '-9223372036854775808', '4611686018427387904', '3037000500'];
const ips = ['10.0.0.1', '10.0.0.0/8', '::1', 'ff00::/8', '127.0.0.1/8', '1.2.3', '010.0.0.1', '::/0', '1:2:3:4:5:6:7::', '::ffff:1.2.3.4', '10.0.0.1/33', '0.0.0.0/0', '1::2:3:4:5:6:7:8', '224.0.0.1'];
const decs = ['1.5', '-0.5', '0.0001', '922337203685477.5807', '922337203685477.5808', '-922337203685477.5808', '1.', '.5', '1.00000', '-1.5000', '+1.0'];
const times = ['2024-02-29', '2023-02-29', '2024-01-01T00:00:00Z', '2024-01-01T23:59:59.999+2359', '2024-01-01T23:59:59.999-0130', '0000-01-01', '9999-12-31T23:59:60Z', '1969-12-31T23:59:59.999Z', '2024-1-1', '2024-01-01T00:00:00+2400', '2024-01-01T00:00:00', '2024-01-01T24:00:00Z'];
const spans = ['1d', '1d2h3m4s5ms', '-1h', '5ms', '9223372036854775807ms', '-9223372036854775808ms', '9223372036854775808ms', '106751991167d', '106751991168d', '1h1d', '', '-', '1', '1m1m', '0s', '-0ms'];

const quote = (s) => '"' + [...s].map((c) => c === '"' || c === '\\' ? '\\' + c : c < ' ' ? `\\u{${c.codePointAt(0).toString(16)}}` : c).join('') + '"';
const uidText = (u) => `${u.type}::${quote(u.id)}`;
const entity = () => ({ type: pick(types), id: pick(ids) });
const action = () => ({ type: 'Action', id: pick(actions) });
const isName = (a) => /^[_a-zA-Z]\w*$/.test(a) && a !== 'if';
const access = (e, a) => isName(a) && chance(0.9) ? `${e}.${a}` : `${e}[${quote(a)}]`;

const kinds = ['bool', 'long', 'string', 'entity', 'set', 'record', 'ip', 'dec', 'at', 'for'];
const typed = { n: 'long', s: 'string', flag: 'bool', who: 'entity', tags: 'set', rec: 'record', ip: 'ip', dec: 'dec', at: 'at', for: 'for', 'x y': 'string', if: 'bool', list: 'set' };

function leaf(kind) {
  switch (kind) {
    case 'bool': return pick(['true', 'false', 'principal has flag', 'context has n', 'resource has rec.n']);
    case 'long': return pick(longs);
    case 'string': return quote(pick(strings));
    case 'entity': return chance(0.6) ? pick(['principal', 'resource', 'action']) : uidText(chance(0.8) ? entity() : action());
    case 'set': return '[' + many(3, () => chance(0.7) ? quote(pick(strings)) : leaf(pick(['long', 'entity', 'string']))).join(', ') + ']';
    case 'record': return chance(0.5) ? 'context' : '{' + many(3, () => pick(attrs)).filter((a, i, l) => l.indexOf(a) === i).map((a) => `${isName(a) ? a : quote(a)}: ${leaf(typed[a])}`).join(', ') + '}';
    case 'ip': return `ip(${quote(pick(ips))})`;
    case 'dec': return `decimal(${quote(pick(decs))})`;
    case 'at': return `datetime(${quote(pick(times))})`;
    default: return `duration(${quote(pick(spans))})`;
  }
}

function expr(kind, depth) {
  if (chance(0.04)) kind = pick(kinds); // a type error now and then
  if (depth <= 0) return leaf(kind);
  const d = depth - 1;
  const e = (k) => expr(k, d);
  const p = (k) => `(${expr(k, d)})`;
  if (chance(0.25)) {
    const candidates = attrs.filter((a) => typed[a] === kind);
    if (candidates.length) return access(pick(['principal', 'resource', 'context', 'context.rec', 'principal.who', p('record'), p('entity')]), pick(candidates));
  }
  if (chance(0.06)) return `(if ${e('bool')} then ${e(kind)} else ${e(kind)})`;
  if (chance(0.04)) return `${p('entity')}.getTag(${e('string')})`;
  switch (kind) {
    case 'bool': return pick([
      () => `${p('bool')} && ${p('bool')}`, () => `${p('bool')} || ${p('bool')}`, () => `!${p('bool')}`,
      () => { const k = pick(kinds); return `${p(k)} ${pick(['==', '!='])} ${p(k)}`; },
      () => { const k = pick(['long', 'long', 'at', 'for', 'dec']); return `${p(k)} ${pick(['<', '<=', '>', '>='])} ${p(k)}`; },
      () => `${p('entity')} in ${p('entity')}`, () => `${p('entity')} in [${many(3, () => e('entity')).join(', ')}]`,
      () => `${p(pick(['entity', 'record']))} has ${many(2, () => pick(attrs.filter(isName))).concat(pick(attrs.filter(isName))).join('.')}`,
      () => `${p(pick(['entity', 'record']))} has ${quote(pick(attrs))}`,
      () => `${p('string')} like ${quote(pick(strings)).replace(/"$/, pick(['', '*', '*c', '\\*']) + '"')}`,
      () => `${p('entity')} is ${pick(types)}`, () => `${p('entity')} is ${pick(types)} in ${p('entity')}`,
      () => `${p('set')}.contains(${e(pick(['string', 'long', 'entity']))})`,
      () => `${p('set')}.${pick(['containsAll', 'containsAny'])}(${e('set')})`, () => `${p('set')}.isEmpty()`,
      () => `${p('entity')}.hasTag(${e('string')})`,
      () => `${p('ip')}.${pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`, () => `${p('ip')}.isInRange(${e('ip')})`,
      () => `${p('dec')}.${pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${e('dec')})`,
    ])();
    case 'long': return pick([() => `${p('long')} ${pick(['+', '-', '*'])} ${p('long')}`, () => `-${p('long')}`,
      () => `${p('for')}.${pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`])();
    case 'set': return '[' + many(3, () => e(pick(['string', 'long', 'entity', 'set', 'record', 'ip']))).join(', ') + ']';
    case 'record': return '{' + many(3, () => pick(attrs)).filter((a, i, l) => l.indexOf(a) === i).map((a) => `${isName(a) ? a : quote(a)}: ${e(typed[a])}`).join(', ') + '}';
    case 'at': return chance(0.5) ? `${p('at')}.offset(${e('for')})` : `${p('at')}.toDate()`;
    case 'for': return chance(0.5) ? `${p('at')}.durationSince(${e('at')})` : `${p('at')}.toTime()`;
    default: return leaf(kind);
  }
}

function scope(name, slot) {
  const target = () => slot ? `?${name}` : uidText(entity());
  return name + pick(slot ? [() => ` == ${target()}`, () => ` in ${target()}`, () => ` is ${pick(types)} in ${target()}`]
    : [() => '', () => '', () => ` == ${target()}`, () => ` in ${target()}`, () => ` is ${pick(types)}`, () => ` is ${pick(types)} in ${target()}`])();
}
function actionScope() {
  return 'action' + pick([() => '', () => ` == ${uidText(action())}`, () => ` in ${uidText(action())}`,
    () => ` in [${many(3, () => uidText(action())).join(', ')}]`])();
}
function policy(slots = []) {
  const notes = many(2, () => pick(['id', 'note', 'if'])).filter((a, i, l) => l.indexOf(a) === i).map((a) => `@${a}${chance(0.5) ? `(${quote(pick(strings))})` : ''} `).join('');
  const conds = many(2, () => ` ${pick(['when', 'when', 'unless'])} { ${expr('bool', below(5))} }`).join('');
  return `${notes}${pick(['permit', 'permit', 'forbid'])}(${scope('principal', slots.includes('principal'))}, ${actionScope()}, ${scope('resource', slots.includes('resource'))})${conds};`;
}

// Small integers only: the engine's own JSON.stringify spoils what does not fit a double.
const good = { ip: ips.slice(0, 5), dec: decs.slice(0, 4), at: [times[0], times[2], times[3], times[4], times[7]], for: spans.slice(0, 6) };
const extn = (kind, all) => chance(0.998) ? pick(good[kind]) : pick(all);
function value(kind, depth) {
  if (chance(0.05)) kind = pick(kinds);
  switch (kind) {
    case 'bool': return chance(0.5);
    case 'long': return pick([0, 1, 2, -1, 9007199254740991]);
    case 'string': return pick(strings);
    case 'entity': return { __entity: entity() };
    case 'set': return many(3, () => chance(0.8) ? pick(strings) : value(pick(kinds), depth - 1));
    case 'record': return depth <= 0 ? {} : record(depth - 1);
    case 'ip': return { __extn: { fn: 'ip', arg: extn('ip', ips) } };
    case 'dec': return { __extn: { fn: 'decimal', arg: extn('dec', decs) } };
    case 'at': return { __extn: { fn: 'datetime', arg: extn('at', times) } };
    default: return { __extn: { fn: 'duration', arg: extn('for', spans) } };
  }
}
function record(depth) {
  const r = {};
  for (const a of many(6, () => pick(attrs))) r[a] = value(typed[a], depth);
  return r;
}
function entities() {
  const seen = new Set();
  const out = [];
  for (const uid of many(8, entity).concat(many(3, action))) {
    const key = uid.type + '::' + uid.id;
    if (seen.has(key) && !chance(0.02)) continue;
    seen.add(key);
    const e = { uid, attrs: uid.type === 'Action' ? {} : record(2), parents: many(2, uid.type === 'Action' ? action : entity) };
    if (chance(0.4) && uid.type !== 'Action') e.tags = Object.fromEntries(many(3, () => [pick(strings), value('string', 1)]));
    // mostly no cycles: parents come from those before
    if (chance(0.95)) e.parents = e.parents.filter((p) => [...seen].includes(p.type + '::' + p.id) && p.type + '::' + p.id !== key);
    out.push(e);
  }
  return out;
}

function schemaType(depth) {
  const k = pick(['Long', 'String', 'Bool', 'ipaddr', 'decimal', 'datetime', 'duration', 'Set', 'Record', 'User', 'Group', 'Doc', 'Alias', '__cedar::Long', 'Missing']);
  if (k === 'Missing') return chance(0.1) ? 'Missing' : 'String';
  if (k === 'Set') return depth > 0 ? `Set<${schemaType(depth - 1)}>` : 'Set<String>';
  if (k === 'Record') return depth > 0 ? schemaRecord(depth - 1) : '{}';
  return k;
}
function schemaRecord(depth) {
  const names = many(5, () => pick(attrs)).filter((a, i, l) => l.indexOf(a) === i || chance(0.01));
  const natural = { n: 'Long', s: 'String', flag: 'Bool', who: 'User', tags: 'Set<String>', ip: 'ipaddr', dec: 'decimal', at: 'datetime', for: 'duration', 'x y': 'String', if: 'Bool', list: 'Set<String>' };
  return '{' + names.map((a) => `${isName(a) ? a : quote(a)}${chance(0.4) ? '?' : ''}: ${natural[a] && chance(0.7) ? natural[a] : schemaType(depth)}`).join(', ') + '}';
}
function schema() {
  const lines = [`type Alias = ${chance(0.1) ? schemaType(1) : 'Long'};`];
  for (const t of types) {
    const ns = t.split('::');
    const body = chance(0.1) ? `entity ${ns.at(-1)} enum [${many(2, () => quote(pick(ids))).concat(quote('a')).join(', ')}];`
      : `entity ${ns.at(-1)}${chance(0.6) ? ` in [${many(2, () => pick(types)).join(', ')}]` : ''}${chance(0.8) ? ' = ' + schemaRecord(2) : ''}${chance(0.4) ? ' tags ' + pick(['String', 'Set<String>', schemaType(1)]) : ''};`;
    lines.push(ns.length === 2 ? `namespace ${ns[0]} { ${body} }` : body);
  }
  for (const a of actions) {
    if (chance(0.1)) continue;
    lines.push(`action ${quote(a)}${chance(0.4) ? ` in [${many(chance(0.03) ? 0 : 1, () => 0).concat(0).map(() => quote(pick(actions.slice(actions.indexOf(a) + (chance(0.95) ? 1 : 0))) ?? 'all')).slice(chance(0.03) ? 5 : 0).join(', ')}]` : ''}${chance(0.85) ? ` appliesTo { principal: [${many(1, () => pick(types)).concat('User').join(', ')}], resource: [${pick(types)}]${chance(0.7) ? `, context: ${schemaRecord(2)}` : ''} }` : ''};`);
  }
  if (chance(0.3)) lines.sort(() => random() - 0.5);
  return lines.join('\n');
}

const junk = ['', ' ', '(', ')', '{', '}', '[', ']', ',', ';', '::', '.', '"', '\\', '==', '=', '<', '&&', '||', '!', '-', 'if', 'in', 'has', 'is', 'like', 'principal', '?principal', '@', '//', '\n', 'é', '\u00a0', '0', '99999999999999999999', 'true', '*', '\\u{41}', '\\x41', '+', '/', '%', '|', '&', "'", '?', ':'];
function mutate(text) {
  let t = text;
  for (let i = 0; i <= below(2); i++) {
    const at = below(t.length + 1);
    const how = below(4);
    if (how === 0) t = t.slice(0, at) + pick(junk) + t.slice(at);
    else if (how === 1) t = t.slice(0, at) + t.slice(at + 1 + below(3));
    else if (how === 2) t = t.slice(0, at);
    else { const b = below(t.length + 1); t = t.slice(0, at) + t.slice(b, b + below(12)) + t.slice(at); }
  }
  return t;
}
function mutateJson(v) {
  const nodes = [];
  (function walk(n) { if (n && typeof n === 'object') { nodes.push(n); Object.values(n).forEach(walk); } })(v);
  const n = pick(nodes);
  const keys = Object.keys(n);
  const k = keys.length ? pick(keys) : 'x';
  const how = below(4);
  if (how === 0) delete n[k];
  else if (how === 1) n[k] = pick([null, true, 1, 1.5, 'x', [], {}, '?principal', { Value: 1 }, 'principal', 'All', { type: 'User', id: 'a' }]);
  else if (how === 2) n[pick(['op', 'x', 'left', 'arg', 'Value', 'slot', 'entity', 'in', 'Var', 'kind', '==', 'ip'])] = pick([1, 'principal', { Value: true }, []]);
  else { const other = pick(nodes); n[k] = JSON.parse(JSON.stringify(other)); }
  return v;
}

// Where libcedar is stricter on purpose: the engine overlooks members that it does not know, takes
// the last of two equal names in a schema, and reads an escape that is not quite one as a record.
const stricter = (ours) => /unknown member|takes nothing else|is there twice|no such operator or function|expected (an object|an entity|either|a string|\{"fn")/.test(ours.error ?? '');
const twice = (ours) => /the attribute .* is there twice/.test(ours.error ?? '');

// Each case: a job for us, and the engine's answer in the same form.
const sorted = (l) => [...l].sort();
const tooBig = /recursion|stack|overflowed/i;
const cases = {
  decide() {
    const count = 1 + below(30);
    const texts = Array.from({ length: count }, () => policy());
    const templates = many(2, () => policy(pick([['principal'], ['resource'], ['principal', 'resource']])));
    const links = templates.length ? many(3, () => {
      const k = below(templates.length);
      const l = { template: k, id: 'link' + below(1e6) };
      if (templates[k].includes('?principal')) l.principal = entity();
      if (templates[k].includes('?resource')) l.resource = entity();
      if (chance(0.03)) l.principal = entity();
      return l;
    }).filter((l, i, all) => all.findIndex((m) => m.id === l.id) === i) : [];
    const job = { op: 'decide', policies: texts.join('\n'), templates, links, count, entities: entities(), principal: entity(), action: action(), resource: entity(), context: record(2) };
    const answer = engine.isAuthorized({ principal: job.principal, action: job.action, resource: job.resource, context: job.context, entities: job.entities,
      policies: { staticPolicies: job.policies, templates: Object.fromEntries(templates.map((t, i) => ['policy' + (count + i), t])),
        templateLinks: links.map((l) => ({ templateId: 'policy' + (count + l.template), newId: l.id, values: { ...(l.principal && { '?principal': l.principal }), ...(l.resource && { '?resource': l.resource }) } })) } });
    if (answer.type !== 'success') return [job, { error: answer.errors[0].message }];
    const r = answer.response;
    return [job, { decision: r.decision, reason: sorted(r.diagnostics.reason), errors: sorted(r.diagnostics.errors.map((e) => e.policyId)) }];
  },
  typed() {
    const count = 1 + below(5);
    const job = { op: 'decide', policies: Array.from({ length: count }, () => policy()).join('\n'), count, schema: schema(), entities: entities().slice(0, 3), principal: { type: 'User', id: 'a' }, action: action(), resource: entity(), context: chance(0.5) ? {} : record(1) };
    const answer = engine.isAuthorized({ principal: job.principal, action: job.action, resource: job.resource, context: job.context, entities: job.entities, schema: job.schema, validateRequest: true, policies: { staticPolicies: job.policies } });
    if (answer.type !== 'success') return [job, { error: answer.errors[0].message }];
    const r = answer.response;
    return [job, { decision: r.decision, reason: sorted(r.diagnostics.reason), errors: sorted(r.diagnostics.errors.map((e) => e.policyId)) }];
  },
  parse() {
    const text = chance(0.7) ? mutate(policy()) : policy();
    const job = { op: 'parse', policies: text };
    const answer = engine.policyToJson(text);
    return [job, answer.type === 'success' ? { policies: [answer.json] } : { error: answer.errors[0].message }, answer.type === 'success' ? undefined : (ours) => ours.policies && (ours.policies.length !== 1 || JSON.stringify(ours).includes('"slot"')) ];
  },
  est() {
    const text = policy();
    const json = engine.policyToJson(text);
    if (json.type !== 'success') return null;
    const est = chance(0.7) ? mutateJson(json.json) : json.json;
    if (/\d{16}/.test(JSON.stringify(est))) return null;
    const answer = engine.policyToText(est);
    return [{ op: 'est', est }, answer.type === 'success' ? {} : { error: answer.errors[0].message }, stricter];
  },
  schema() {
    const text = chance(0.4) ? mutate(schema()) : schema();
    const answer = engine.checkParseSchema(text);
    return [{ op: 'schema', schema: text }, answer.type === 'success' ? {} : { error: answer.errors[0].message }, twice];
  },
  schemaJson() {
    const json = engine.schemaToJson(schema());
    if (json.type !== 'success') return null;
    const form = chance(0.6) ? mutateJson(json.json) : json.json;
    const answer = engine.checkParseSchema(form);
    return [{ op: 'schema', schema: form }, answer.type === 'success' ? {} : { error: answer.errors[0].message }, stricter];
  },
  entities() {
    const job = { op: 'entities', entities: entities() };
    if (chance(0.6)) job.schema = schema();
    const changed = chance(0.5);
    if (changed) mutateJson(job.entities);
    const answer = engine.checkParseEntities({ entities: job.entities, ...(job.schema && { schema: job.schema }) });
    return [job, answer.type === 'success' ? {} : { error: answer.errors[0].message }, changed ? stricter : twice];
  },
  validate() {
    const count = 1 + below(6);
    const job = { op: 'validate', policies: Array.from({ length: count }, () => policy()).join('\n'), count, schema: schema() };
    const answer = engine.validate({ policies: { staticPolicies: job.policies }, schema: job.schema });
    if (answer.type !== 'success') return [job, { error: answer.errors[0].message }];
    return [job, { bad: sorted([...new Set(answer.validationErrors.map((e) => e.policyId))]) }, twice];
  },
};

// Two answers agree when both refuse, or when what was asked for is the same.
function same(kind, theirs, ours) {
  if (theirs.error !== undefined || ours.error !== undefined) return (theirs.error !== undefined) === (ours.error !== undefined);
  if (kind === 'decide' || kind === 'typed') return theirs.decision === ours.decision && String(theirs.reason) === String(sorted(ours.reason)) && String(theirs.errors) === String(sorted(ours.errors));
  if (kind === 'parse') return canonical(theirs.policies) === canonical(ours.policies);
  if (kind === 'validate') return String(theirs.bad) === String(sorted(ours.bad));
  return true;
}
const canonical = (v) => JSON.stringify(v, (k, x) => x && typeof x === 'object' && !Array.isArray(x) ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => a < b ? -1 : 1)) : x);

const names = process.env.KIND ? [process.env.KIND] : Object.keys(cases);
const counts = Object.fromEntries(names.map((n) => [n, { agree: 0, refused: 0, differ: 0, skipped: 0 }]));
let shown = 0;
const end = Date.now() + seconds * 1000;
while (Date.now() < end) {
  const batch = [];
  while (batch.length < 200 && Date.now() < end) {
    const kind = pick(names);
    let one;
    try {
      one = cases[kind]();
    } catch (e) { // a throw kills the instance: all later calls would fail
      counts[kind].skipped++;
      if (e instanceof WebAssembly.RuntimeError) {
        for (const k of Object.keys(require.cache)) if (k.includes('cedar')) delete require.cache[k];
        engine = require(enginePath);
      }
      continue;
    }
    if (!one) { counts[kind].skipped++; continue; }
    batch.push([kind, ...one]);
  }
  const run = spawnSync(program, { input: batch.map(([, job]) => JSON.stringify(job)).join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 30 });
  const lines = run.stdout.split('\n');
  if (run.status !== 0) { console.log(`libcedar ended with ${run.status ?? run.signal}\n${run.stderr}`); shown++; counts[batch[0][0]].differ++; require('fs').writeFileSync('/tmp/cedar-differential-crash.jsonl', batch.map(([, job]) => JSON.stringify(job)).join('\n')); break; }
  batch.forEach(([kind, job, theirs, excuse], i) => {
    const ours = JSON.parse(lines[i]);
    if (same(kind, theirs, ours)) { counts[kind].agree++; if (theirs.error !== undefined) counts[kind].refused++; return; }
    if ((excuse && excuse(ours)) || tooBig.test(theirs.error ?? '')) { counts[kind].skipped++; return; }
    counts[kind].differ++;
    if (shown++ < 15) console.log(`DIFFERENCE in ${kind}\n  job    ${JSON.stringify(job)}\n  theirs ${JSON.stringify(theirs).slice(0, 600)}\n  ours   ${JSON.stringify(ours).slice(0, 600)}`);
  });
}
let passed = 0, failed = 0;
for (const [n, c] of Object.entries(counts)) {
  console.log(`${n.padEnd(11)} ${c.agree} agree (${c.refused} refused by both), ${c.differ} differ, ${c.skipped} not compared`);
  passed += c.agree; failed += c.differ;
}
console.log(`seed ${seed}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed !== 0 ? 0 : 1);
