// Looks for what must not be on disk, in every file below some folders and in the encodings in which it could hide.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

function forms(text) {
  const bytes = Buffer.from(text, 'utf8')
  const found = [
    ['as it is', bytes],
    ['in UTF-16', Buffer.from(text, 'utf16le')],
    ['in UTF-16BE', Buffer.from(text, 'utf16le').swap16()],
    ['in hex', Buffer.from(bytes.toString('hex'))],
  ]
  // Base64 depends on where in a group of three the text begins; its ends depend on the neighbours.
  for (const skip of [0, 1, 2]) {
    const written = Buffer.concat([Buffer.alloc(skip), bytes]).toString('base64').replaceAll('=', '')
    found.push(['in base64', Buffer.from(written.slice(Math.ceil((skip * 8) / 6), -2))])
  }
  return found
}

/** What is in a file; nothing where the program that is running has taken it away since it was listed. */
function read(file) {
  try {
    return readFileSync(file)
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}

/** Every file below `folders`, and each of `texts` found in one: `{ files, bytes, hits }`. */
export function search(folders, texts) {
  const wanted = texts.flatMap((text) => forms(text).map(([form, bytes]) => ({ text, form, bytes })))
  const result = { files: 0, bytes: 0, hits: [] }
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = path.join(entry.parentPath ?? entry.path, entry.name)
      const content = read(file)
      if (content === null) continue
      result.files += 1
      result.bytes += content.length
      for (const { text, form, bytes } of wanted) {
        if (content.includes(bytes) || file.includes(text)) result.hits.push(`${text} ${form} in ${file}`)
      }
    }
  }
  return result
}
