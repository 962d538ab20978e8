import { isObject, type JsonObject } from '../../wire/json.ts'
import { json } from '../answer.ts'
import { textOf } from '../lines.ts'
import { page } from '../lists.ts'
import type { StoredVectorStore } from '../memory.ts'
import { missingParameter, refuse } from '../refusal.ts'
import { type Ask, type Handler, param } from '../scene.ts'
import { fileOf } from './files.ts'

const storeOf = (ask: Ask): StoredVectorStore => {
  const id = param(ask, 'id')
  const store = ask.scene.memory.vectorStores.get(id)
  if (store === undefined) throw refuse(404, `Vector store with id '${id}' not found.`)
  return store
}

const counts = (completed: number): JsonObject => ({
  in_progress: 0,
  completed,
  failed: 0,
  cancelled: 0,
  total: completed,
})

const shown = (store: StoredVectorStore): JsonObject => ({
  ...store.object,
  file_counts: counts(store.files.size),
})

const addFile = (ask: Ask, storeId: string, fileId: string): JsonObject => {
  const object: JsonObject = {
    id: fileId,
    object: 'vector_store.file',
    usage_bytes: fileOf(ask, fileId).bytes.length,
    created_at: ask.scene.now(),
    vector_store_id: storeId,
    status: 'completed',
    last_error: null,
    chunking_strategy: ask.body.chunking_strategy ?? {
      type: 'static',
      static: { max_chunk_size_tokens: 800, chunk_overlap_tokens: 400 },
    },
    attributes: ask.body.attributes ?? {},
  }
  ask.scene.memory.vectorStores.get(storeId)?.files.set(fileId, object)
  return object
}

const create: Handler = ask => {
  const id = ask.scene.id('vs_')
  const object: JsonObject = {
    id,
    object: 'vector_store',
    created_at: ask.scene.now(),
    name: ask.body.name ?? null,
    description: ask.body.description ?? null,
    usage_bytes: 0,
    status: 'completed',
    expires_after: ask.body.expires_after ?? null,
    expires_at: null,
    last_active_at: ask.scene.now(),
    metadata: ask.body.metadata ?? {},
  }
  const files = (Array.isArray(ask.body.file_ids) ? ask.body.file_ids : []).map(textOf)
  // Every file is looked up before anything is made, so that a foreign id leaves no half-made store behind.
  for (const file of files) fileOf(ask, file)
  const store: StoredVectorStore = { object, files: new Map(), batches: new Map() }
  ask.scene.memory.vectorStores.set(id, store)
  for (const file of files) addFile(ask, id, file)
  return json(shown(store))
}

const update: Handler = ask => {
  const store = storeOf(ask)
  const changed = { ...store, object: { ...store.object, ...ask.body } }
  ask.scene.memory.vectorStores.set(param(ask, 'id'), changed)
  return json(shown(changed))
}

const remove: Handler = ask => {
  storeOf(ask)
  ask.scene.memory.vectorStores.delete(param(ask, 'id'))
  return json({ id: param(ask, 'id'), object: 'vector_store.deleted', deleted: true })
}

/** Every file of the store answers every question, with its own text. */
const search: Handler = ask => {
  const store = storeOf(ask)
  const limit = typeof ask.body.max_num_results === 'number' ? ask.body.max_num_results : 10
  const data = [...store.files.values()].slice(0, limit).map((file, index) => {
    const stored = fileOf(ask, textOf(file.id))
    return {
      file_id: file.id ?? null,
      filename: stored.object.filename ?? null,
      score: 1 / (index + 1),
      attributes: file.attributes ?? {},
      content: [{ type: 'text', text: Buffer.from(stored.bytes).toString().slice(0, 1000) }],
    }
  })
  const query = Array.isArray(ask.body.query) ? ask.body.query : [ask.body.query ?? '']
  return json({
    object: 'vector_store.search_results.page',
    search_query: query,
    data,
    has_more: false,
    next_page: null,
  })
}

const storedFile = (ask: Ask): JsonObject => {
  const file = storeOf(ask).files.get(param(ask, 'file'))
  if (file === undefined)
    throw refuse(404, `No file found with id '${param(ask, 'file')}' in vector store '${param(ask, 'id')}'.`)
  return file
}

const createFile: Handler = ask => {
  storeOf(ask)
  return json(addFile(ask, param(ask, 'id'), textOf(ask.body.file_id)))
}

const updateFile: Handler = ask => {
  const file = { ...storedFile(ask), attributes: ask.body.attributes ?? {} }
  storeOf(ask).files.set(param(ask, 'file'), file)
  return json(file)
}

const deleteFile: Handler = ask => {
  storedFile(ask)
  storeOf(ask).files.delete(param(ask, 'file'))
  return json({ id: param(ask, 'file'), object: 'vector_store.file.deleted', deleted: true })
}

const fileContent: Handler = ask => {
  const file = storedFile(ask)
  const text = Buffer.from(fileOf(ask, textOf(file.id)).bytes).toString()
  return json({
    object: 'vector_store.file_content.page',
    data: [{ type: 'text', text }],
    has_more: false,
    next_page: null,
  })
}

const createBatch: Handler = ask => {
  const store = storeOf(ask)
  const { file_ids: ids, files } = ask.body
  if (ids === undefined && files === undefined) throw missingParameter('file_ids')
  const listed = Array.isArray(files) ? files.filter(isObject).map(file => textOf(file.file_id)) : []
  const wanted = Array.isArray(ids) ? ids.map(textOf) : listed
  for (const file of wanted) fileOf(ask, file)
  for (const file of wanted) addFile(ask, param(ask, 'id'), file)
  const object: JsonObject = {
    id: ask.scene.id('vsfb_'),
    object: 'vector_store.files_batch',
    created_at: ask.scene.now(),
    vector_store_id: param(ask, 'id'),
    status: 'completed',
    file_counts: counts(wanted.length),
  }
  store.batches.set(textOf(object.id), { object, files: wanted })
  return json(object)
}

const batchOf = (ask: Ask) => {
  const batch = storeOf(ask).batches.get(param(ask, 'batch'))
  if (batch === undefined) throw refuse(404, `No file batch found with id '${param(ask, 'batch')}'.`)
  return batch
}

const cancelBatch: Handler = ask => {
  const batch = batchOf(ask)
  const object = { ...batch.object, status: 'cancelled' }
  storeOf(ask).batches.set(param(ask, 'batch'), { ...batch, object })
  return json(object)
}

const batchFiles: Handler = ask => {
  const batch = batchOf(ask)
  return json(
    page(
      ask.query,
      [...storeOf(ask).files.values()].filter(file => batch.files.includes(textOf(file.id))),
    ),
  )
}

export const VECTOR_STORES: readonly (readonly [key: string, handler: Handler])[] = [
  ['POST /vector_stores', create],
  [
    'GET /vector_stores',
    ask => json(page(ask.query, [...ask.scene.memory.vectorStores.values()].map(shown))),
  ],
  ['GET /vector_stores/:id', ask => json(shown(storeOf(ask)))],
  ['POST /vector_stores/:id', update],
  ['DELETE /vector_stores/:id', remove],
  ['POST /vector_stores/:id/search', search],
  ['POST /vector_stores/:id/files', createFile],
  ['GET /vector_stores/:id/files', ask => json(page(ask.query, [...storeOf(ask).files.values()]))],
  ['GET /vector_stores/:id/files/:file', ask => json(storedFile(ask))],
  ['POST /vector_stores/:id/files/:file', updateFile],
  ['DELETE /vector_stores/:id/files/:file', deleteFile],
  ['GET /vector_stores/:id/files/:file/content', fileContent],
  ['POST /vector_stores/:id/file_batches', createBatch],
  ['GET /vector_stores/:id/file_batches/:batch', ask => json(batchOf(ask).object)],
  ['POST /vector_stores/:id/file_batches/:batch/cancel', cancelBatch],
  ['GET /vector_stores/:id/file_batches/:batch/files', batchFiles],
]
