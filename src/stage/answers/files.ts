import type { JsonObject } from '../../wire/json.ts'
import { json, pieces } from '../answer.ts'
import { textOf } from '../lines.ts'
import { page } from '../lists.ts'
import type { StoredFile } from '../memory.ts'
import { invalidValue, refuse } from '../refusal.ts'
import { type Ask, type Handler, param, snapshot } from '../scene.ts'

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals']

/** A file this stage took in; the provider's own words for any other id. */
export const fileOf = (ask: Ask, id: string): StoredFile => {
  const file = ask.scene.memory.files.get(id)
  if (file === undefined) throw refuse(404, `No such File object: ${id}`, { param: 'id' })
  return file
}

const createFile: Handler = ask => {
  const purpose = textOf(ask.body.purpose)
  if (!PURPOSES.includes(purpose))
    throw invalidValue('purpose', `'${purpose}' is not one of ${PURPOSES.join(', ')}`)
  const part = ask.fields.find(field => field.name === 'file')
  const bytes = part?.bytes ?? new Uint8Array()
  const object: JsonObject = {
    id: ask.scene.id('file-'),
    object: 'file',
    bytes: bytes.length,
    created_at: ask.scene.now(),
    expires_at: null,
    filename: part?.filename ?? 'file',
    purpose,
    status: 'processed',
    status_details: null,
  }
  ask.scene.memory.files.set(textOf(object.id), { object, bytes })
  return json(object)
}

const listFiles: Handler = ask => {
  const purpose = ask.query.get('purpose')
  const all = [...ask.scene.memory.files.values()].map(file => file.object)
  return json(
    page(ask.query, purpose === null ? all : all.filter(file => file.purpose === purpose), 'desc', 10_000),
  )
}

const deleteFile: Handler = ask => {
  fileOf(ask, param(ask, 'id'))
  ask.scene.memory.files.delete(param(ask, 'id'))
  return json({ id: param(ask, 'id'), object: 'file', deleted: true })
}

const ENDPOINTS = [
  '/v1/responses',
  '/v1/chat/completions',
  '/v1/embeddings',
  '/v1/completions',
  '/v1/moderations',
]

const createBatch: Handler = ask => {
  const endpoint = textOf(ask.body.endpoint)
  if (!ENDPOINTS.includes(endpoint)) throw invalidValue('endpoint', `Invalid value: '${endpoint}'.`)
  if (ask.body.completion_window !== '24h')
    throw invalidValue('completion_window', "Invalid value: only '24h' is supported.")
  fileOf(ask, textOf(ask.body.input_file_id))
  const object: JsonObject = {
    id: ask.scene.id('batch_'),
    object: 'batch',
    endpoint,
    errors: null,
    input_file_id: ask.body.input_file_id ?? null,
    completion_window: '24h',
    status: 'validating',
    output_file_id: null,
    error_file_id: null,
    created_at: ask.scene.now(),
    in_progress_at: null,
    expires_at: ask.scene.now() + 86_400,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    metadata: ask.body.metadata ?? null,
  }
  ask.scene.memory.batches.set(textOf(object.id), object)
  return json(object)
}

const batchOf = (ask: Ask): JsonObject => {
  const batch = ask.scene.memory.batches.get(param(ask, 'id'))
  if (batch === undefined) throw refuse(404, `No batch found with id '${param(ask, 'id')}'.`)
  return batch
}

const cancelBatch: Handler = ask => {
  const batch = { ...batchOf(ask), status: 'cancelling', cancelling_at: ask.scene.now() }
  ask.scene.memory.batches.set(param(ask, 'id'), batch)
  return json(batch)
}

const createJob: Handler = ask => {
  fileOf(ask, textOf(ask.body.training_file))
  const object: JsonObject = {
    id: ask.scene.id('ftjob-'),
    object: 'fine_tuning.job',
    created_at: ask.scene.now(),
    error: { code: null, message: null, param: null },
    fine_tuned_model: null,
    finished_at: null,
    estimated_finish: null,
    hyperparameters: { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' },
    model: snapshot(ask.model),
    organization_id: 'org-stage',
    result_files: [],
    seed: ask.body.seed ?? 1,
    status: 'validating_files',
    trained_tokens: null,
    training_file: ask.body.training_file ?? null,
    validation_file: ask.body.validation_file ?? null,
    integrations: ask.body.integrations ?? [],
    user_provided_suffix: ask.body.suffix ?? null,
    method: ask.body.method ?? { type: 'supervised' },
    metadata: ask.body.metadata ?? null,
  }
  ask.scene.memory.jobs.set(textOf(object.id), object)
  return json(object)
}

const jobOf = (ask: Ask): JsonObject => {
  const id = param(ask, 'id')
  const job = ask.scene.memory.jobs.get(id)
  if (job === undefined) {
    throw refuse(404, `Could not find fine tune: ${id}`, {
      param: 'fine_tune_id',
      code: 'fine_tune_not_found',
    })
  }
  return job
}

const jobBecomes =
  (status: string): Handler =>
  ask => {
    const job = { ...jobOf(ask), status }
    ask.scene.memory.jobs.set(param(ask, 'id'), job)
    return json(job)
  }

const jobEvents: Handler = ask => {
  const job = jobOf(ask)
  const event = {
    object: 'fine_tuning.job.event',
    id: `ftevent-${textOf(job.id).slice(6)}`,
    created_at: job.created_at ?? 0,
    level: 'info',
    message: `Created fine-tuning job: ${textOf(job.id)}`,
    type: 'message',
    data: {},
  }
  return json(page(ask.query, [event]))
}

const jobCheckpoints: Handler = ask => {
  jobOf(ask)
  return json(page(ask.query, []))
}

const modelObject = (ask: Ask, id: string): JsonObject => ({
  id,
  object: 'model',
  created: 1_700_000_000,
  owned_by: ask.scene.flavour === 'azure' ? 'azure' : 'system',
})

const getModel: Handler = ask => {
  const id = param(ask, 'id')
  if (!ask.scene.models.includes(id)) {
    throw refuse(404, `The model '${id}' does not exist`, { param: 'model', code: 'model_not_found' })
  }
  return json(modelObject(ask, id))
}

const listModels: Handler = ask =>
  json({ object: 'list', data: ask.scene.models.filter(id => id !== '*').map(id => modelObject(ask, id)) })

export const FILES: readonly (readonly [key: string, handler: Handler])[] = [
  ['GET /models', listModels],
  ['GET /models/:id', getModel],
  ['POST /files', createFile],
  ['GET /files', listFiles],
  ['GET /files/:id', ask => json(fileOf(ask, param(ask, 'id')).object)],
  ['DELETE /files/:id', deleteFile],
  [
    'GET /files/:id/content',
    ask =>
      pieces(
        'application/octet-stream',
        [fileOf(ask, param(ask, 'id')).bytes].filter(part => part.length > 0),
      ),
  ],
  ['POST /batches', createBatch],
  ['GET /batches', ask => json(page(ask.query, [...ask.scene.memory.batches.values()]))],
  ['GET /batches/:id', ask => json(batchOf(ask))],
  ['POST /batches/:id/cancel', cancelBatch],
  ['POST /fine_tuning/jobs', createJob],
  ['GET /fine_tuning/jobs', ask => json(page(ask.query, [...ask.scene.memory.jobs.values()]))],
  ['GET /fine_tuning/jobs/:id', ask => json(jobOf(ask))],
  ['POST /fine_tuning/jobs/:id/cancel', jobBecomes('cancelled')],
  ['POST /fine_tuning/jobs/:id/pause', jobBecomes('paused')],
  ['POST /fine_tuning/jobs/:id/resume', jobBecomes('queued')],
  ['GET /fine_tuning/jobs/:id/events', jobEvents],
  ['GET /fine_tuning/jobs/:id/checkpoints', jobCheckpoints],
]
