// Reads files as programs on Node.js do, and compares what they say.
//
// Arguments: the form, and a file of JSON lines {"text": …, "expect": {…}}.

const fs = require('fs')
const os = require('os')
const path = require('path')
const { isDeepStrictEqual } = require('util')

const dotenv = require('dotenv')
const yaml = require('yaml')

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'read-'))

function flat (node, name = '') {
  if (typeof node !== 'object') return { [name]: node }
  return Object.entries(node).reduce(
    (found, [key, inner]) => ({ ...found, ...flat(inner, name ? `${name}.${key}` : key) }), {})
}

const forms = {
  dotenv (text) {
    const file = path.join(folder, '.env')
    fs.writeFileSync(file, text)
    const { parsed, error } = dotenv.config({ path: file, processEnv: {}, quiet: true })
    if (error) throw error
    return parsed
  },
  json: JSON.parse,
  kubernetes (text) {
    const { data } = yaml.parse(text, { version: '1.2', strict: true })
    const decode = ([name, value]) => [name, Buffer.from(value, 'base64').toString('utf8')]
    return Object.fromEntries(Object.entries(data).map(decode))
  },
  'spring-yaml': text => flat(yaml.parse(text, { version: '1.2', strict: true }))
}

const [form, cases] = process.argv.slice(2)
let read = 0
let wrong = 0
for (const line of fs.readFileSync(cases, 'utf8').split('\n')) {
  if (!line) continue
  const { text, expect } = JSON.parse(line)
  let found
  try {
    found = forms[form](text)
  } catch (error) {
    found = String(error)
  }
  read += 1
  if (!isDeepStrictEqual({ ...found }, expect)) {
    wrong += 1
    console.log('wrong:', line, JSON.stringify(found))
  }
}
fs.rmSync(folder, { recursive: true })
console.log(`${read} read, ${wrong} wrong`)
