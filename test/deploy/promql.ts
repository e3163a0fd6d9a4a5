/** Reads the selectors of an expression in PromQL, as far as the dashboard and the alerts use the language. */

export interface Selector {
  metric: string;
  matchers: { label: string; operator: string; value: string }[];
}

const OPERATORS = new Set(['and', 'or', 'unless', 'offset', 'bool']);
const GROUPINGS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const TOKEN = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[A-Za-z_:][\w:]*|\d[\w.]*|[=!]~|!=|[^\s]/g;
const NAME = /^[A-Za-z_:]/;

/** @returns the metrics of an expression with their label matchers, and the labels that it groups by */
export function readExpression(text: string): { selectors: Selector[]; grouped: string[] } {
  const tokens: string[] = text.match(TOKEN) ?? [];
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  /** @returns the tokens before a closing one */
  const upTo = (end: string, from: number) => tokens.slice(from, tokens.indexOf(end, from));
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    const next = tokens[at + 1] ?? '';
    if (!NAME.test(token) || OPERATORS.has(token)) continue;
    if (GROUPINGS.has(token)) {
      const inside = upTo(')', at + 2);
      grouped.push(...inside.filter((each) => NAME.test(each)));
      at += inside.length + 2;
    } else if (token === 'label_values') {
      // A function of Grafana and not of PromQL: a selector, and a label.
      const inside = upTo(')', at + 2);
      const comma = inside.lastIndexOf(',');
      selectors.push(...readExpression(inside.slice(0, comma).join(' ')).selectors);
      grouped.push(...inside.slice(comma + 1));
      at += inside.length + 2;
    } else if (next !== '(' && !GROUPINGS.has(next)) {
      const inside = next === '{' ? upTo('}', at + 2) : [];
      const matchers = [];
      for (let place = 0; place < inside.length; place += 4) {
        const [label = '', operator = '', value = '""'] = inside.slice(place, place + 3);
        matchers.push({ label, operator, value: String(JSON.parse(value)) });
      }
      selectors.push({ metric: token, matchers });
      if (next === '{') at += inside.length + 2;
    }
  }
  return { selectors, grouped };
}
