import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { folder } from './programs.js'
import { search } from './search.js'

test('the search finds a text in every form, and nothing where nothing is', (t) => {
  const home = folder(t)
  const secret = 'Good morning, 早安'
  writeFileSync(path.join(home, 'harmless'), 'Good evening, 晚安')
  assert.deepEqual(search([home], [secret]).hits, [])
  const forms = [secret, Buffer.from(secret, 'utf16le'), Buffer.from(secret).toString('hex')]
  for (const before of ['', 'x', 'xx']) forms.push(Buffer.from(`${before}${secret} and more`).toString('base64'))
  for (const [index, form] of forms.entries()) {
    writeFileSync(path.join(home, 'leak'), form)
    assert.ok(search([home], [secret]).hits.length > 0, `form ${index}`)
  }
})
