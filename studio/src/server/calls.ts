/** The server's addresses, each as a function. */
import type {
  Answer,
  CheckpointRow,
  CompareAnswer,
  CompareRequest,
  Corrections,
  DoctorState,
  EmbeddingState,
  Forecast,
  Job,
  ObjectMask,
  PromptRequest,
  Proposal,
  Queue,
  RecordRow,
  Records,
  RunDetails,
  RunRow,
  Saved,
  SaveRequest,
  State,
  TrainForm,
  TrainRequest,
} from "../api";
import { get, post, put } from "./request";

const record = (index: number) => `/api/records/${index}`;
const part = encodeURIComponent;

export const state = (stop?: AbortSignal) => get<State>("/api/state", stop);
export const records = (query: string, stop?: AbortSignal) => get<Records>(`/api/records?${query}`, stop);
export const row = (index: number, stop?: AbortSignal) => get<RecordRow>(record(index), stop);
export const masks = (index: number, stop?: AbortSignal) => get<ObjectMask[]>(`${record(index)}/masks`, stop);
export const embed = (index: number, stop?: AbortSignal) =>
  post<{ state: EmbeddingState }>(`${record(index)}/embedding`, {}, stop);
export const predict = (index: number, request: PromptRequest, stop?: AbortSignal) =>
  post<Answer>(`${record(index)}/predict`, request, stop);
export const everything = (index: number, stop?: AbortSignal) =>
  post<Proposal[]>(`${record(index)}/everything`, {}, stop);
export const corrections = (index: number, stop?: AbortSignal) =>
  get<Corrections>(`${record(index)}/corrections`, stop);
export const save = (index: number, request: SaveRequest) => put<Saved>(`${record(index)}/corrections`, request);
export const open = (index: number, client: string) => post<unknown>(`${record(index)}/open`, { client });
export const queue = (order: string, limit: number, stop?: AbortSignal) =>
  get<Queue>(`/api/queue?order=${order}&limit=${limit}`, stop);
export const measure = (enabled: boolean) => post<unknown>("/api/queue", { enabled });
export const doctor = (stop?: AbortSignal) => get<DoctorState>("/api/doctor", stop);
export const startDoctor = () => post<unknown>("/api/doctor", {});
export const fix = (id: string) => post<unknown>("/api/doctor/fix", { id });
export const trainForm = (stop?: AbortSignal) => get<TrainForm>("/api/train/form", stop);
export const forecast = (request: TrainRequest, stop?: AbortSignal) =>
  post<Forecast>("/api/train/forecast", request, stop);
export const train = (request: TrainRequest) => post<Job>("/api/train", request);
export const jobs = (stop?: AbortSignal) => get<Job[]>("/api/jobs", stop);
export const pauseJob = (id: string) => post<Job>(`/api/jobs/${part(id)}/pause`, {});
export const stopJob = (id: string) => post<Job>(`/api/jobs/${part(id)}/stop`, {});
export const resumeJob = (id: string) => post<Job>(`/api/jobs/${part(id)}/resume`, {});
export const runs = (stop?: AbortSignal) => get<RunRow[]>("/api/runs", stop);
export const run = (name: string, stop?: AbortSignal) => get<RunDetails>(`/api/runs/${part(name)}`, stop);
export const checkpoints = (stop?: AbortSignal) => get<CheckpointRow[]>("/api/checkpoints", stop);
export const useModel = (checkpoint: string) => post<unknown>("/api/model", { checkpoint });
export const compare = (request: CompareRequest, stop?: AbortSignal) =>
  post<CompareAnswer>("/api/compare", request, stop);

export const thumbnail = (index: number, side: number) => `${record(index)}/thumbnail?side=${side}`;
export const image = (index: number, width?: number) =>
  `${record(index)}/image${width === undefined ? "" : `?width=${width}`}`;
export const tile = (index: number, level: number, column: number, line: number) =>
  `${record(index)}/tile/${level}/${column}/${line}`;
export const augmented = (index: number, query: string) => `${record(index)}/view?${query}`;
